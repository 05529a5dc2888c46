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
            case "rounds": try Rounds(rest).run()
            case "large": try LargeModel(rest).run()
            case "logits": try Logits(rest).run()
            case "combine": try Combine(rest).run()
            case "large-check": try LargeModel.check(rest)
            default:
                throw Failure(
                    .usage,
                    "usage: sordino-measure replay|relay|idle|upload|rounds|large|large-check|logits|combine …"
                )
            }
        } catch {
            Console.standardError.writeLine("sordino-measure: \(Failure(wrapping: error).message)")
            exit(1)
        }
    }
}
