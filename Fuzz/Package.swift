// swift-tools-version: 6.2
import PackageDescription

// The fuzz targets, a separate package: it contains the codec, the routing and what they import,
// but nothing of NIO, so that both build quickly with sanitizers. Sources/ and Tests/ link to the
// bridge's own.
//
// `swift test --sanitize address` runs the codec's tests and the corpus of earlier runs. The
// programs for libFuzzer get their `main` from it and link with `--sanitize fuzzer` only, so they
// exist only when scripts/fuzz.sh requests them.

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
  .strictMemorySafety(),
  .enableExperimentalFeature("Lifetimes"),
]

/// Tests use unsafe API without marking it: `#expect` has no place for `unsafe`.
let testSettings = Array(settings.prefix(5))

/// Code run by libFuzzer is optimized, but keeps its assertions, and is open to `@testable`. Of
/// several `-sanitize` options the Swift compiler uses the last one, and SwiftPM writes one each in
/// no fixed order.
let fuzzes = Context.environment["BRIDGE_PROXY_FUZZES"] != nil
let checked: [SwiftSetting] =
  fuzzes
  ? [.unsafeFlags(["-enable-testing", "-assert-config", "Debug", "-sanitize=fuzzer,address"])] : []

let programs: [Target] =
  fuzzes
  ? ["json-to-wire", "wire-to-json", "round-trip", "descriptor-set", "path-template"].map {
    .executableTarget(
      name: "fuzz-\($0)", dependencies: ["FuzzTargets"],
      swiftSettings: settings + checked + [.unsafeFlags(["-parse-as-library"])])
  } : []

let package = Package(
  name: "fuzz",
  targets: [
    .systemLibrary(
      name: "CProtobuf", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .target(name: "CDescriptor", dependencies: ["CProtobuf"]),
    .target(name: "CTables"),
    .target(name: "CVector"),
    .target(
      name: "Codec", dependencies: ["CDescriptor", "CProtobuf", "CTables", "CVector"],
      swiftSettings: settings + checked),
    .target(name: "HTTPFields", swiftSettings: settings + checked),
    .target(
      name: "Routing", dependencies: ["Codec", "HTTPFields"], swiftSettings: settings + checked),
    .target(
      name: "FuzzTargets", dependencies: ["Codec", "Routing"], swiftSettings: settings + checked),
    .target(name: "CAllocations", path: "Tests/Support/CAllocations"),
    .target(
      name: "RepeatableRandom", path: "Tests/Support/RepeatableRandom",
      swiftSettings: testSettings),
    .target(
      name: "Corpora", dependencies: ["RepeatableRandom"], path: "Tests/Support/Corpora",
      swiftSettings: testSettings),
    .testTarget(
      name: "CodecTests", dependencies: ["CAllocations", "Codec", "Corpora", "RepeatableRandom"],
      swiftSettings: testSettings),
    .testTarget(
      name: "FuzzTests", dependencies: ["Codec", "FuzzTargets", "Routing"],
      swiftSettings: testSettings),
  ] + programs
)
