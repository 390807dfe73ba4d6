// swift-tools-version: 6.2
import PackageDescription

/// The same for every target of ours; a warning is an error.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
  .strictMemorySafety(),
  .enableExperimentalFeature("Lifetimes"),
]

/// Tests touch unsafe API without a mark: `#expect` has no room for one.
let testSettings = Array(settings.prefix(5))

/// libFuzzer's programs for the front are there only when scripts/fuzz.sh asks for them: they get their
/// `main` from it. Of several `-sanitize` the compiler heeds the last one, and SwiftPM writes one each in no
/// fixed order.
let fuzzes = Context.environment["BRIDGE_PROXY_FUZZES"] != nil
let checked: [SwiftSetting] =
  fuzzes ? [.unsafeFlags(["-assert-config", "Debug", "-sanitize=fuzzer,address"])] : []
let fuzzPrograms: [Target] =
  fuzzes
  ? [
    .executableTarget(
      name: "fuzz-front", dependencies: ["FrontFuzz"], path: "Fuzz/Front/Program",
      swiftSettings: settings + checked + [.unsafeFlags(["-parse-as-library"])])
  ] : []

let package = Package(
  name: "bridge-proxy",
  products: [
    .executable(name: "bridge-proxy", targets: ["bridge-proxy"]),
    .library(name: "BridgeProxy", targets: ["BridgeProxy"]),
    .library(name: "Codec", targets: ["Codec"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(
      name: "CProtobuf", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CDescriptor", dependencies: ["CProtobuf"]),
    .target(name: "CTables"),
    .target(name: "CVector"),
    .target(
      name: "CPlatform",
      // ns_initparse and its kin, for SRV records; a part of the C library.
      linkerSettings: [.linkedLibrary("resolv")]),
    .target(
      name: "Codec", dependencies: ["CDescriptor", "CProtobuf", "CTables", "CVector"],
      swiftSettings: settings + checked),
    .target(name: "Routing", dependencies: ["Codec"], swiftSettings: settings + checked),
    .target(
      name: "BridgeProxy",
      dependencies: [
        "Codec",
        "CNghttp2",
        "CPlatform",
        "CZlib",
        "Routing",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
        .product(name: "NIOTLS", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: settings + checked),
    .target(
      name: "DemoBackend",
      dependencies: [
        "BridgeProxy",
        "Codec",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "bridge-proxy",
      dependencies: [
        "BridgeProxy",
        "Codec",
        "DemoBackend",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "bench-upstream",
      dependencies: [
        "BridgeProxy",
        "DemoBackend",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      path: "Benchmarks/upstream",
      swiftSettings: settings),
    .executableTarget(
      name: "conformance-testee", dependencies: ["Codec"], path: "Tests/Conformance/testee",
      swiftSettings: testSettings),
    .target(
      name: "FrontFuzz",
      dependencies: [
        "BridgeProxy",
        "Codec",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      path: "Fuzz/Front/Targets",
      swiftSettings: settings + checked),
    .target(name: "CAllocations", path: "Tests/Support/CAllocations"),
    .target(name: "Corpora", path: "Tests/Support/Corpora", swiftSettings: testSettings),
    .testTarget(
      name: "CodecTests", dependencies: ["CAllocations", "Codec", "Corpora"],
      swiftSettings: testSettings),
    .testTarget(
      name: "BridgeProxyTests",
      dependencies: [
        "BridgeProxy",
        "Codec",
        "DemoBackend",
        "FrontFuzz",
        "Routing",
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      swiftSettings: testSettings),
  ] + fuzzPrograms
)
