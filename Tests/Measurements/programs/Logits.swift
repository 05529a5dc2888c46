internal import Compute
internal import Configuration
internal import Federation
internal import Foundation
internal import Learning
internal import Messages
internal import Operations

/// `sordino-measure logits MODEL-JSON5 LENGTH TOKENS OUT`: what a model says of sequences of tokens, for comparison with
/// other programs.
///
/// TOKENS holds little-endian 32-bit integers: of each sequence its length (the filled positions), then LENGTH tokens. OUT
/// receives the outputs as little-endian 32-bit floats, sequence after sequence.
struct Logits {
    private let model: Model
    private let parameters: [Float]
    private let examples: Examples
    private let out: String

    init(_ arguments: [String]) throws {
        guard arguments.count == 4, let length = Int(arguments[1]), length > 0 else {
            throw Failure(.usage, "usage: sordino-measure logits MODEL-JSON5 LENGTH TOKENS OUT")
        }
        let spec = try ModelSpec(
            JSONValue(json5: arguments[0].utf8, source: "the model"), path: "model", outputs: 2)
        let start = try StartingModel(Model(spec, inputShape: [length]), seed: 1, folder: ".")
        model = start.model
        parameters = model.initialParameters(seed: 1).values
        guard let vocabulary = model.vocabulary,
            let data = FileManager.default.contents(atPath: arguments[2]),
            data.count % (4 * (length + 1)) == 0
        else {
            throw Failure(.usage, "the model must read tokens, and the file hold \(length + 1) numbers a row")
        }
        let numbers = data.withUnsafeBytes { bytes in
            (0..<(bytes.count / 4)).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
        }
        let row = length + 1
        var tokens: [Int32] = []
        var lengths: [Int32] = []
        for start in stride(from: 0, to: numbers.count, by: row) {
            lengths.append(numbers[start])
            tokens += numbers[(start + 1)..<(start + row)]
        }
        examples = Examples(
            count: lengths.count, featureShape: [length],
            features: .tokens(tokens, vocabulary: vocabulary), targets: .values([], width: 0),
            lengths: lengths)
        out = arguments[3]
    }

    func run() throws {
        // A loss without a link: outputs stay as they are.
        guard let loss = try LossCatalog.loss(Section(.object(["loss": .string("mse")]), path: "loss")) else {
            return
        }
        let evaluator = Evaluator(model: model, loss: loss)
        var data = Data()
        for answer in evaluator.predict(parameters, on: examples, classifies: false) {
            answer.values.withUnsafeBytes { data.append(contentsOf: $0) }
        }
        try data.write(to: URL(fileURLWithPath: out))
    }
}
