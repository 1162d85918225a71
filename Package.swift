// swift-tools-version: 6.2
import PackageDescription

// The manifest reads as the architecture (see Sources/CloudstateNode/CloudstateNode.docc): each block
// may import only blocks above it, and targets of one block never import each other.

// The checks set this, users do not: a newer compiler may know warnings that are no reason to stop.
let warningsAreErrors = Context.environment["CS_WARNINGS_AS_ERRORS"] == "1"

// Scripts/fuzz sets this: the fuzzers then stand in the place of the test that replays their corpus.
let isFuzzing = Context.environment["CS_FUZZ"] == "1"

let swiftSettings: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let jwt: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func program(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
}

func sample(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: "\(name)Sample", dependencies: dependencies, path: "Sources/Samples/\(name)",
    swiftSettings: swiftSettings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude,
    swiftSettings: swiftSettings)
}

let cModules: [Target] = [
  .systemLibrary(name: "CZeroMQ"),
  .systemLibrary(name: "CRocksDB", pkgConfig: "rocksdb"),
  .systemLibrary(name: "CZlib"),
  .target(
    name: "CDynamicProtobuf",
    linkerSettings: [.linkedLibrary("protobuf"), .linkedLibrary("stdc++")]),
  .target(name: "CLinux"),
]

let vocabulary: [Target] = [
  library("CloudstateModel", []),
  library("ReplicatedData", []),
]

let wrappers: [Target] = [
  library("ZeroMQ", ["CZeroMQ", "CLinux"]),
  library("RocksDB", ["CRocksDB"]),
  library("Gzip", ["CZlib"]),
  library("DynamicProtobuf", ["CDynamicProtobuf"]),
  library("SettingsReading", [yams]),
]

let ports: [Target] = [
  .target(
    name: "CloudstateProtocol", dependencies: [protobuf, nioCore], exclude: ["Protos"],
    swiftSettings: swiftSettings),
  .target(
    name: "TCKProtocol", dependencies: [protobuf], exclude: ["Protos"],
    swiftSettings: swiftSettings),
  library(
    "GRPCTransport",
    [
      "CloudstateModel", "Gzip", nioCore, nioPosix, nioHTTP1, nioHTTP2, nioHPACK, nioSSL, nioTLS,
      collections, logging,
    ]),
  library(
    "AccessControl",
    ["CloudstateModel", "SettingsReading", jwt, crypto, nioCore, logging, yams]),
  library("ShardStore", ["CloudstateModel", "RocksDB", logging, nioCore]),
  library("MessageBus", ["CloudstateModel", "ZeroMQ", logging, nioCore, collections]),
]

let remoteStores: [Target] = [
  .target(
    name: "EtcdClient",
    dependencies: [
      "CloudstateProtocol", "GRPCTransport", nioCore, nioPosix, logging, protobuf,
    ], exclude: ["Protos"], swiftSettings: swiftSettings)
]

let features: [Target] = [
  library(
    "EntityRuntime",
    [
      "CloudstateModel", "CloudstateProtocol", "GRPCTransport", "ShardStore", "DynamicProtobuf",
      "ReplicatedData", "CLinux", nioCore, nioPosix, collections, logging, protobuf,
    ]),
  library(
    "Replication",
    [
      "CloudstateModel", "CloudstateProtocol", "ShardStore", "MessageBus", "ReplicatedData",
      nioCore,
      nioPosix, logging, protobuf,
    ]),
  library(
    "ShardReplication",
    [
      "CloudstateModel", "CloudstateProtocol", "ShardStore", "MessageBus", nioCore, nioPosix,
      collections, logging, protobuf,
    ]),
  library(
    "Eventing",
    [
      "CloudstateModel", "CloudstateProtocol", "GRPCTransport", "ShardStore", "MessageBus", nioCore,
      nioPosix, logging, protobuf,
    ]),
  library(
    "Administration",
    [
      "CloudstateModel", "CloudstateProtocol", "GRPCTransport", "ShardStore", "MessageBus",
      "ReplicatedData", nioCore, nioPosix, protobuf,
    ]),
  library(
    "Backup",
    [
      "CloudstateModel", "CloudstateProtocol", "ShardStore", "RocksDB", "ReplicatedData", crypto,
      logging, protobuf,
    ]),
  library(
    "ClusterControl",
    [
      "CloudstateModel", "CloudstateProtocol", "MessageBus", "RocksDB", "EtcdClient", "Gzip",
      "CLinux", nioCore, nioPosix, nioHTTP1, nioSSL, logging, protobuf,
    ]),
  library(
    "Ingress",
    [
      "AccessControl", "CloudstateModel", "CloudstateProtocol", "GRPCTransport",
      "DynamicProtobuf", "Gzip", nioCore, nioHPACK, collections, logging, protobuf,
    ]),
]

let assemblies: [Target] = [
  library(
    "CloudstateNode",
    [
      "EntityRuntime", "Replication", "ShardReplication", "ReplicatedData", "Eventing",
      "ClusterControl", "Ingress", "Administration",
      "AccessControl", "GRPCTransport", "ShardStore",
      "MessageBus", "CloudstateProtocol", "CloudstateModel", "DynamicProtobuf", nioCore, nioPosix,
      nioHTTP1, logging, protobuf,
    ]),
  library(
    "CloudstateSDK",
    ["GRPCTransport", "CloudstateProtocol", "CLinux", nioCore, nioPosix, logging, protobuf]),
]

let commandLine: [Target] = [
  library("CommandLineKit", ["SettingsReading", argumentParser, "CLinux"]),
  library("Launcher", ["CloudstateModel", "CommandLineKit", "SettingsReading", "CLinux", yams]),
  library(
    "CommandClient",
    [
      "CommandLineKit", "SettingsReading", "CloudstateModel", "CloudstateProtocol",
      "GRPCTransport", "DynamicProtobuf", "Backup", "ShardStore", "ReplicatedData", nioCore,
      nioPosix, logging, protobuf,
    ]),
]

let compatibility: [Target] = [
  library(
    "CompatibilityKit",
    [
      "Launcher", "CommandLineKit", "SettingsReading", "CloudstateProtocol", "TCKProtocol",
      "GRPCTransport", "CLinux", nioCore, nioPosix, nioHTTP1, logging, protobuf, yams,
    ])
]

// The whole cluster in one thread, over the machines that the product runs.
let simulation: [Target] = [
  library(
    "ClusterSimulation",
    [
      "ClusterControl", "EntityRuntime", "ShardReplication", "ShardStore", "MessageBus",
      "CloudstateModel", collections,
    ])
]

let nodePrograms: [Target] = [
  library(
    "NodeCommand",
    [
      "CloudstateNode", "EntityRuntime", "Eventing", "Ingress", "AccessControl", "GRPCTransport",
      "ShardReplication", "CloudstateModel", "CommandLineKit", argumentParser, nioCore, logging,
    ])
]

let embedding: [Target] = [
  library(
    "CloudstateEmbedded",
    [
      "CloudstateSDK", "NodeCommand", "EntityRuntime", "Ingress", "GRPCTransport",
      "CloudstateModel", "CommandLineKit", argumentParser, nioCore, nioPosix, logging, protobuf,
    ])
]

let samples: [Target] = [
  sample("ShoppingCart", ["CloudstateSDK", protobuf]),
  sample("ValueShoppingCart", ["CloudstateSDK", protobuf]),
  sample("Chat", ["CloudstateSDK", protobuf]),
  sample("TCKModel", ["CloudstateSDK", "TCKProtocol", protobuf]),
]

let programs: [Target] = [
  program("cs-node", ["NodeCommand", "CommandLineKit", "EntityRuntime", argumentParser]),
  program(
    "cs-coordinator",
    [
      "ClusterControl", "EtcdClient", "GRPCTransport", "MessageBus", "CloudstateModel",
      "CommandLineKit", argumentParser, logging,
    ]),
  program("cs-up", ["Launcher", "CommandLineKit", "SettingsReading", argumentParser]),
  program("cs-send", ["CommandClient", "CommandLineKit", "CloudstateModel", argumentParser]),
  program("cs-tail", ["CommandClient", "CommandLineKit", argumentParser]),
  program(
    "cs-admin",
    [
      "CommandClient", "AccessControl", "MessageBus", "CommandLineKit", "CloudstateModel",
      "CloudstateProtocol", "Backup", "ShardStore", "ClusterControl", argumentParser, nioCore,
      nioPosix, nioHTTP1, logging, protobuf,
    ]),
  program(
    "cs-bench",
    [
      "CommandClient", "CommandLineKit", "GRPCTransport", "ShardStore", "CloudstateModel",
      "CloudstateEmbedded", "CloudstateSDK", "ShoppingCartSample", "TCKModelSample", "TCKProtocol",
      argumentParser, nioCore, nioPosix, logging, protobuf,
    ]),
  program("cs-sim", ["ClusterSimulation", "CommandLineKit", argumentParser]),
  program("cs-tck", ["CompatibilityKit", "CommandLineKit", "GRPCTransport", argumentParser]),
]

// Each sample twice: as a function for a sidecar, and as a node with the function inside.
let samplePrograms: [Target] = [
  ("shopping-cart", "ShoppingCart"), ("value-shopping-cart", "ValueShoppingCart"),
  ("chat", "Chat"), ("tck-model", "TCKModel"),
].flatMap { name, sample in
  [
    program(
      name, path: "Sources/Samples/Programs/\(name)",
      ["CloudstateSDK", .target(name: "\(sample)Sample")]),
    program(
      "\(name)-node", path: "Sources/Samples/Programs/\(name)-node",
      ["CloudstateEmbedded", .target(name: "\(sample)Sample")]),
  ]
}

let testTargets: [Target] = [
  .target(
    name: "TestSupport",
    dependencies: ["CloudstateModel", "CLinux", nioCore, logging],
    path: "Tests/TestSupport", swiftSettings: swiftSettings),
  tests("CloudstateModelTests", ["CloudstateModel"]),
  tests("ReplicatedDataTests", ["ReplicatedData"]),
  tests("ShardStoreTests", ["ShardStore", "RocksDB", "CloudstateModel", nioCore, logging]),
  tests(
    "MessageBusTests",
    ["MessageBus", "ZeroMQ", "CloudstateModel", nioCore, nioPosix, nioEmbedded, logging]),
  tests(
    "GRPCTransportTests",
    [
      "GRPCTransport", "Gzip", nioCore, nioPosix, nioEmbedded, nioHTTP1, nioHTTP2, nioHPACK,
      nioSSL, logging,
    ],
    exclude: ["Peers"]),
  tests(
    "AccessControlTests",
    [
      "AccessControl", "CloudstateModel", "SettingsReading", jwt, crypto, nioCore, nioPosix,
      logging,
    ]),
  tests("DynamicProtobufTests", ["DynamicProtobuf", "CloudstateProtocol", protobuf]),
  tests(
    "EntityRuntimeTests",
    [
      "EntityRuntime", "ShardStore", "GRPCTransport", "CloudstateProtocol", "CloudstateModel",
      "DynamicProtobuf", "ReplicatedData", nioCore, nioPosix, logging, protobuf,
    ]),
  tests(
    "ReplicationTests",
    [
      "Replication", "ReplicatedData", "ShardStore", "MessageBus", "CloudstateModel", nioCore,
      nioPosix, logging,
    ]),
  tests(
    "ShardReplicationTests",
    [
      "ShardReplication", "ShardStore", "RocksDB", "MessageBus", "CloudstateModel",
      "CloudstateProtocol",
      nioCore, nioPosix, nioEmbedded, logging, protobuf,
    ]),
  tests(
    "EventingTests",
    [
      "Eventing", "ShardStore", "MessageBus", "CloudstateModel", "CloudstateProtocol",
      "GRPCTransport", nioCore, nioPosix, logging, protobuf,
    ]),
  tests(
    "AdministrationTests",
    [
      "Administration", "ShardStore", "MessageBus", "ReplicatedData", "CloudstateModel",
      "CloudstateProtocol", "GRPCTransport", nioCore, nioPosix, logging, protobuf,
    ]),
  tests(
    "BackupTests",
    [
      "Backup", "ShardStore", "RocksDB", "ClusterControl", "ReplicatedData", "CloudstateModel",
      "CloudstateProtocol", logging, protobuf, "cs-admin",
    ]),
  tests(
    "ClusterControlTests",
    [
      "ClusterControl", "EtcdClient", "MessageBus", "RocksDB", "CloudstateModel",
      "CloudstateProtocol", nioCore, nioPosix, nioHTTP1, nioSSL, logging, protobuf,
    ]),
  tests("EtcdClientTests", ["EtcdClient", "GRPCTransport", nioCore, logging]),
  tests(
    "CloudstateNodeTests",
    [
      "CloudstateNode", "CloudstateModel", "ClusterControl", "Eventing", "GRPCTransport",
      "MessageBus", nioCore, nioEmbedded, nioPosix,
    ]),
  tests(
    "IngressTests",
    [
      "Ingress", "AccessControl", "DynamicProtobuf", "CloudstateModel", "CloudstateProtocol",
      "GRPCTransport", "Gzip", nioCore, nioEmbedded, nioPosix, logging, protobuf,
    ]),
  tests(
    "CloudstateSDKTests",
    [
      "CloudstateSDK", "CloudstateEmbedded", "ShoppingCartSample", "ValueShoppingCartSample",
      "ChatSample", "shopping-cart",
      "CloudstateProtocol", "GRPCTransport", nioCore, nioPosix, protobuf, logging,
    ], exclude: ["Examples/Protos"]),
  tests(
    "CloudstateEmbeddedTests",
    [
      "CloudstateEmbedded", "CloudstateSDK", "ShoppingCartSample", "TCKModelSample",
      "TCKProtocol", "ShardStore", "CloudstateModel", "GRPCTransport", "cs-coordinator", nioCore,
      nioPosix, logging, protobuf,
    ]),
  tests("NodeCommandTests", ["NodeCommand", "CommandLineKit"]),
  tests("LauncherTests", ["Launcher", "CommandLineKit", "SettingsReading", "cs-up"]),
  tests(
    "CommandClientTests",
    [
      argumentParser, "CommandClient", "CommandLineKit", "CloudstateModel", "CloudstateProtocol",
      "DynamicProtobuf", "GRPCTransport", nioCore, nioPosix, logging, protobuf,
    ]),
  tests(
    "CompatibilityKitTests",
    [
      "CompatibilityKit", "CommandLineKit", "CloudstateSDK", "TCKModelSample",
      "CloudstateProtocol", "TCKProtocol", "GRPCTransport", nioCore, nioPosix, nioHTTP1, logging,
      protobuf,
    ]),
  tests(
    "ClusterSimulationTests",
    [
      "ClusterSimulation", "ClusterControl", "ShardStore", "CloudstateModel", "Launcher", "cs-sim",
    ]),
  // The programs are dependencies so that they are built before the tests start them.
  .testTarget(
    name: "EndToEndTests",
    dependencies: [
      "TestSupport", "ShardStore", "RocksDB", "CloudstateModel", jwt, crypto, "cs-node",
      "cs-coordinator",
      "cs-up", "cs-send", "cs-tail", "cs-admin", "cs-bench", "cs-tck", "shopping-cart",
      "value-shopping-cart",
      "chat", "tck-model", "shopping-cart-node", "value-shopping-cart-node", "chat-node",
      "tck-model-node",
    ],
    exclude: ["Browser", "Clients", "Hostile", "Kinds", "LossyDisk"], swiftSettings: swiftSettings),
]

// What reads bytes from outside, fed with bytes that nobody would send. One folder, two uses: a test that
// replays the corpus, and programs that libFuzzer drives (see CONTRIBUTING.md).
let fuzzed: [Target.Dependency] = [
  "GRPCTransport", "Ingress", "AccessControl", "DynamicProtobuf", "MessageBus", "ShardStore",
  "RocksDB",
  "ReplicatedData", "Launcher", "SettingsReading", "CommandLineKit", "CloudstateModel",
  "CloudstateProtocol", "Gzip",
  nioCore, nioEmbedded, nioHTTP1, nioHTTP2, nioHPACK, logging, protobuf,
]

let fuzzTargets: [Target] =
  isFuzzing
  ? [
    .target(
      name: "FuzzTargets", dependencies: fuzzed, path: "Tests/FuzzTests/Targets",
      swiftSettings: swiftSettings),
    .target(name: "FuzzCoverage", path: "Tests/FuzzTests/Coverage"),
    .executableTarget(
      name: "fuzz", dependencies: ["FuzzTargets", "FuzzCoverage"], path: "Tests/FuzzTests/Program",
      swiftSettings: swiftSettings,
      linkerSettings: [
        .unsafeFlags(
          ["8bit_counters", "pcs"].flatMap { ["-Xlinker", "--wrap=__sanitizer_cov_\($0)_init"] })
      ]),
  ]
  : [tests("FuzzTests", fuzzed, exclude: ["Program", "Coverage", "Corpus", "Dictionaries"])]

let package = Package(
  name: "cloudstate-swift",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "CloudstateSDK", targets: ["CloudstateSDK"]),
    .library(name: "CloudstateEmbedded", targets: ["CloudstateEmbedded"]),
    .executable(name: "cs-node", targets: ["cs-node"]),
    .executable(name: "cs-coordinator", targets: ["cs-coordinator"]),
    .executable(name: "cs-up", targets: ["cs-up"]),
    .executable(name: "cs-send", targets: ["cs-send"]),
    .executable(name: "cs-tail", targets: ["cs-tail"]),
    .executable(name: "cs-admin", targets: ["cs-admin"]),
    .executable(name: "cs-bench", targets: ["cs-bench"]),
    .executable(name: "cs-tck", targets: ["cs-tck"]),
    .executable(name: "cs-sim", targets: ["cs-sim"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: cModules + vocabulary + wrappers + ports + remoteStores + features + assemblies
    + commandLine + compatibility + simulation + nodePrograms + embedding + samples + programs
    + samplePrograms + testTargets
    + fuzzTargets,
  cxxLanguageStandard: .cxx17
)
