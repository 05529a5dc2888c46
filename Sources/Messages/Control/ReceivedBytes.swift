/// How much of a report that is sent in parts a server has.
package struct ReceivedBytes: ControlMessage {
    /// Bytes from the report's beginning that will not be asked for again; the last byte is never among them, so that the
    /// receipt has a request to answer.
    package var received: Int

    package init(received: Int) { self.received = received }

    package func validate() throws(MessageError) { try require(received, in: 0...Int.max, "received") }
}
