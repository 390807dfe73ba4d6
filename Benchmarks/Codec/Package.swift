// swift-tools-version: 6.2
import PackageDescription

// The codec's benchmark, a separate package, so that swift-protobuf and simdjson aren't
// dependencies of the bridge. Sources/ links to the codec's targets, so that it's built as in the
// bridge. scripts/bench-codec.sh builds CReader's library and passes its location.

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
  .strictMemorySafety(),
  .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
  name: "bench-codec",
  dependencies: [
    .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .systemLibrary(
      name: "CProtobuf", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .target(name: "CDescriptor", dependencies: ["CProtobuf"]),
    .target(name: "CTables"),
    .target(name: "CVector"),
    .target(
      name: "Codec", dependencies: ["CDescriptor", "CProtobuf", "CTables", "CVector"],
      swiftSettings: settings),
    .target(name: "CAllocations"),
    .target(name: "RepeatableRandom", swiftSettings: Array(settings.prefix(5))),
    .target(
      name: "Corpora", dependencies: ["RepeatableRandom"],
      swiftSettings: Array(settings.prefix(5))),
    .systemLibrary(name: "CReader"),
    .executableTarget(
      name: "bench-codec",
      dependencies: [
        "CAllocations",
        "CReader",
        "Codec",
        "Corpora",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: Array(settings.prefix(5))),
  ]
)
