internal import Foundation
internal import Operations

/// `sordino-measure`: what the measurements need beside the product's own commands.
@main
enum MeasureMain {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            let rest = Array(arguments.dropFirst())
            switch arguments.first {
            case "replay": try Replay(rest).run()
            case "relay": try Relay(rest).run()
            case "idle": try Load(rest).idle()
            case "upload": try Load(rest).upload()
            case "large": try LargeModel(rest).run()
            case "large-check": try LargeModel.check(rest)
            case "rounds": try Rounds(rest).run()
            default:
                throw Failure(
                    .usage, "usage: sordino-measure replay|relay|idle|upload|large|large-check|rounds …")
            }
        } catch {
            Console.standardError.writeLine("sordino-measure: \(Failure(wrapping: error).message)")
            exit(1)
        }
    }
}
