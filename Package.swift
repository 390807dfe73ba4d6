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

/// A product of swift-nio.
func nio(_ product: String) -> Target.Dependency { .product(name: product, package: "swift-nio") }

/// A target of the bridge's own under Sources.
func own(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings + checked)
}

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
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(
      name: "CProtobuf", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CDescriptor", dependencies: ["CProtobuf"]),
    .target(name: "CTables"),
    .target(name: "CVector"),
    .target(
      name: "CPlatform",
      // ns_initparse and its kin, for SRV records; a part of the C library.
      linkerSettings: [.linkedLibrary("resolv")]),
    own("Codec", ["CDescriptor", "CProtobuf", "CTables", "CVector"]),
    // What follows is in the order of imports: a target sees only those above it that it names.
    own("HTTPFields"),
    own("LocalFiles"),
    own("Time", [nio("NIOCore")]),
    own("ProcessResources", ["CPlatform", "LocalFiles"]),
    own("Routing", ["Codec", "HTTPFields"]),
    own(
      "Addresses",
      [
        "CPlatform",
        "ProcessResources",
        "Time",
        nio("NIOCore"),
        .product(name: "DequeModule", package: "swift-collections"),
      ]),
    own(
      "HTTP2",
      [
        "CNghttp2",
        nio("NIOCore"),
        .product(name: "DequeModule", package: "swift-collections"),
      ]),
    own("GRPCWire", ["CZlib", "HTTP2", nio("NIOCore")]),
    own(
      "TLS",
      [
        "Codec",
        "LocalFiles",
        "Time",
        nio("NIOCore"),
        nio("NIOTLS"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    own(
      "BridgeConfiguration",
      [
        "Addresses",
        "CYAML",
        "Codec",
        "GRPCWire",
        "HTTPFields",
        "LocalFiles",
        "Routing",
        "TLS",
        nio("NIOCore"),
        nio("NIOPosix"),
      ]),
    own("AccessLogging", ["Codec", "GRPCWire", "Time", nio("NIOCore"), nio("NIOPosix")]),
    own(
      "Upstream",
      [
        "Addresses",
        "BridgeConfiguration",
        "GRPCWire",
        "HTTP2",
        "HTTPFields",
        "ProcessResources",
        "TLS",
        "Time",
        nio("NIOCore"),
        nio("NIOHTTP1"),
        nio("NIOPosix"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    own(
      "Discovery",
      [
        "Addresses",
        "BridgeConfiguration",
        "Codec",
        "GRPCWire",
        "HTTP2",
        "TLS",
        "Time",
        "Upstream",
        nio("NIOCore"),
        nio("NIOHTTP1"),
        nio("NIOPosix"),
      ]),
    own(
      "Downstream",
      [
        "AccessLogging",
        "Addresses",
        "BridgeConfiguration",
        "Codec",
        "GRPCWire",
        "HTTP2",
        "HTTPFields",
        "LocalFiles",
        "ProcessResources",
        "Routing",
        "TLS",
        "Time",
        "Upstream",
        nio("NIOCore"),
        nio("NIOHTTP1"),
        nio("NIOPosix"),
        nio("NIOTLS"),
        nio("NIOWebSocket"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    own(
      "BridgeProxy",
      [
        "AccessLogging",
        "Addresses",
        "BridgeConfiguration",
        "Codec",
        "Discovery",
        "Downstream",
        "GRPCWire",
        "HTTP2",
        "LocalFiles",
        "ProcessResources",
        "Routing",
        "TLS",
        "Time",
        "Upstream",
        nio("NIOCore"),
        nio("NIOHTTP1"),
        nio("NIOPosix"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ]),
    .target(
      name: "DemoBackend",
      dependencies: ["GRPCWire", "HTTP2", nio("NIOCore"), nio("NIOPosix")],
      swiftSettings: settings),
    .executableTarget(
      name: "bridge-proxy",
      dependencies: [
        "Addresses",
        "BridgeConfiguration",
        "BridgeProxy",
        "Codec",
        "DemoBackend",
        "Discovery",
        "LocalFiles",
        "ProcessResources",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        nio("NIOCore"),
        nio("NIOPosix"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "bench-upstream",
      dependencies: ["DemoBackend", "GRPCWire", "HTTP2", nio("NIOCore"), nio("NIOPosix")],
      path: "Benchmarks/upstream",
      swiftSettings: settings),
    .executableTarget(
      name: "conformance-testee", dependencies: ["Codec"], path: "Tests/Conformance/testee",
      swiftSettings: testSettings),
    .target(
      name: "FrontFuzz",
      dependencies: [
        "Addresses",
        "BridgeConfiguration",
        "BridgeProxy",
        "Codec",
        "Downstream",
        "GRPCWire",
        "HTTP2",
        "Upstream",
        nio("NIOCore"),
        nio("NIOEmbedded"),
      ],
      path: "Fuzz/Front/Targets",
      swiftSettings: settings + checked),
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
      name: "BridgeProxyTests",
      dependencies: [
        "AccessLogging",
        "Addresses",
        "BridgeConfiguration",
        "BridgeProxy",
        "Codec",
        "DemoBackend",
        "Discovery",
        "Downstream",
        "FrontFuzz",
        "GRPCWire",
        "HTTP2",
        "HTTPFields",
        "LocalFiles",
        "ProcessResources",
        "RepeatableRandom",
        "Routing",
        "TLS",
        "Time",
        "Upstream",
        nio("NIOEmbedded"),
        nio("NIOCore"),
        nio("NIOPosix"),
        nio("NIOHTTP1"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      swiftSettings: testSettings),
  ] + fuzzPrograms
)
