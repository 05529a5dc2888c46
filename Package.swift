// swift-tools-version: 6.1
import PackageDescription

/// Language settings of every target: Swift 6 mode, explicit existentials and imports.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Rooms whose folder has a README.md; the package manager must be told of files that it does not build.
let described: Set<String> = [
    "AggregationServer", "CKernels", "ClientAgent", "Datasets", "Federation", "Ledger", "Privacy",
    "SecureAggregation", "Simulation", "sordino",
]

func notBuilt(_ name: String) -> [String] { described.contains(name) ? ["README.md"] : [] }

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name, dependencies: dependencies, exclude: notBuilt(name), swiftSettings: settings)
}

func command(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, exclude: notBuilt(name), swiftSettings: settings)
}

/// Tests are compiled without the optimiser, which takes longer over them than they run: what they measure is in the rooms.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)",
        swiftSettings: settings + [.unsafeFlags(["-Onone"])])
}

// The dependency lists below are the arrows of the house (Sources/README.md); nothing else may import.
let package = Package(
    name: "sordino",
    targets: [
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),

        library("Notation"),
        library("Messages", ["Notation"]),
        library("Privacy", ["CKernels"]),
        library("Ledger", ["Privacy", "Notation"]),
        library("Configuration"),
        library("Reporting"),
        library("HTTPWire"),
        // The kernels that need instructions Swift cannot choose at run time; only Compute and Privacy import it.
        .target(name: "CKernels", exclude: notBuilt("CKernels")),
        library("Compute", ["COpenBLAS", "CKernels"]),
        library("Cryptography", ["COpenSSL", "Notation"]),
        library("Operations", ["Configuration"]),
        // Keys and what is drawn or signed with them: once, for server, agent and simulator.
        library("Custody", ["Privacy", "Ledger", "Cryptography", "Operations", "Notation"]),
        library("Learning", ["Compute", "Configuration"]),
        library("Datasets", ["Compute", "Configuration"]),
        library("Encoding", ["Compute"]),
        library("SecureAggregation", ["Encoding", "Cryptography"]),
        library("Transport", ["HTTPWire", "COpenSSL", "Operations"]),
        library(
            "Federation",
            [
                "Learning", "Privacy", "Ledger", "Encoding", "SecureAggregation", "Cryptography", "Compute",
                "Messages", "Operations", "Configuration",
            ]),
        library(
            "Simulation",
            [
                "Custody", "Notation",
                "Federation", "Messages", "Operations", "Configuration", "Learning", "Datasets",
                "Compute", "Privacy", "Ledger", "Encoding", "SecureAggregation", "Cryptography", "Reporting",
            ]),

        library(
            "AggregationServer",
            [
                "Custody", "Notation",
                "Federation", "Transport", "HTTPWire", "Messages", "Operations", "Configuration", "Learning",
                "Datasets", "Compute", "Privacy", "Ledger", "Encoding", "SecureAggregation", "Cryptography",
            ]),

        // The authority is a process of its own and links nothing of the server that it does not trust.
        library(
            "CertificateService",
            ["Cryptography", "Transport", "HTTPWire", "Messages", "Operations"]),

        command(
            "sordino",
            [
                "Custody", "Notation",
                "CertificateService", "AggregationServer", "Simulation", "Federation", "Transport",
                "HTTPWire", "Messages", "Operations", "Configuration", "Learning", "Datasets", "Compute",
                "Privacy", "Ledger", "Cryptography",
            ]),

        library(
            "ClientAgent",
            [
                "Custody", "Notation",
                "Federation", "Transport", "HTTPWire", "Messages", "Operations", "Configuration", "Learning",
                "Datasets", "Compute", "Privacy", "Ledger", "Encoding", "SecureAggregation", "Cryptography",
            ]),
        // The edge binary: nothing of the server or of the simulator is linked in.
        command("sordino-agent", ["ClientAgent", "Transport", "Compute", "Configuration", "Operations"]),

        command(
            "sordino-bench",
            [
                "Custody",
                "Simulation", "Federation", "Transport", "HTTPWire", "Operations", "Learning", "Datasets",
                "Compute",
                "Privacy", "Encoding", "SecureAggregation", "Cryptography", "Configuration",
            ]),

        // What the measurements under Tests/Measurements need beside the product's own commands; never installed.
        .executableTarget(
            name: "sordino-measure",
            dependencies: [
                "Notation",
                "AggregationServer", "ClientAgent", "Federation", "Transport", "HTTPWire", "Messages",
                "Operations",
                "Configuration", "Learning", "Datasets", "Compute", "Encoding",
                "Cryptography",
            ], path: "Tests/Measurements/programs", swiftSettings: settings),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        tests("NotationTests", ["Notation"]),
        tests("MessagesTests", ["Messages", "Notation"]),
        tests("PrivacyTests", ["Privacy"]),
        tests("LedgerTests", ["Ledger", "Privacy"]),
        tests("ConfigurationTests", ["Configuration"]),
        tests("ReportingTests", ["Reporting"]),
        tests("ComputeTests", ["Compute"]),
        tests("CryptographyTests", ["Cryptography"]),
        tests("CustodyTests", ["Custody", "Ledger", "Privacy", "Cryptography", "Operations", "Notation"]),
        tests("OperationsTests", ["Operations", "Configuration"]),
        tests("LearningTests", ["Learning", "Compute", "Configuration"]),
        tests("DatasetsTests", ["Datasets", "Compute", "Configuration"]),
        tests("EncodingTests", ["Encoding"]),
        tests("SecureAggregationTests", ["SecureAggregation", "Encoding", "Cryptography"]),
        tests("HTTPWireTests", ["HTTPWire"]),
        // The drivers that Tests/Fuzz/run links with libFuzzer, fed with seeds and their mutations.
        tests(
            "FuzzTests",
            [
                "HTTPWire", "Messages", "SecureAggregation", "Ledger", "Datasets", "Compute", "Configuration",
            ]),
        tests("TransportTests", ["Transport", "HTTPWire", "Operations"]),
        tests(
            "FederationTests",
            [
                "Federation", "Learning", "Privacy", "Ledger", "Encoding", "SecureAggregation",
                "Cryptography", "Compute", "Messages", "Operations", "Configuration",
            ]),
        tests(
            "ClientAgentTests",
            [
                "Custody", "Notation",
                "ClientAgent", "Simulation", "Federation", "Transport", "HTTPWire", "Messages", "Operations",
                "Configuration", "Learning", "Datasets", "Compute", "Privacy", "Ledger", "Encoding",
                "SecureAggregation",
                "Cryptography",
            ]),
        tests(
            "CertificateServiceTests",
            [
                "CertificateService", "AggregationServer", "ClientAgent", "Cryptography", "Transport",
                "HTTPWire",
                "Messages", "Operations", "Configuration",
            ]),
        tests(
            "SimulationTests",
            [
                "Custody",
                "Simulation", "Federation", "Messages", "Operations", "Configuration", "Learning",
                "Datasets", "Compute", "Privacy", "Encoding", "Cryptography",
            ]),
        tests(
            "AggregationServerTests",
            [
                "Custody", "Notation",
                "AggregationServer", "Federation", "Transport", "HTTPWire", "Messages", "Operations",
                "Configuration",
                "Learning", "Datasets", "Compute", "Privacy", "Ledger", "Encoding", "SecureAggregation",
                "Cryptography",
            ]),
        // Spawns the built binaries; imports nothing of ours.
        tests("EndToEndTests", ["sordino", "sordino-agent", "sordino-bench"]),
    ],
    swiftLanguageModes: [.v6]
)
