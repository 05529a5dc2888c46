internal import Foundation
internal import Operations

/// `sordino-measure`: what the measurements need beside the product's own commands.
@main
enum MeasureMain {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            switch arguments.first {
            case "replay": try Replay(Array(arguments.dropFirst())).run()
            default: throw Failure(.usage, "usage: sordino-measure replay …")
            }
        } catch {
            Console.standardError.writeLine("sordino-measure: \(Failure(wrapping: error).message)")
            exit(1)
        }
    }
}
