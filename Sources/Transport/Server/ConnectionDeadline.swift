/// When a connection has to be looked at though its socket stays silent, and whether enough has moved until then.
struct ConnectionDeadline {
    /// Bytes moved in the current window of a body or response.
    var windowBytes = 0
    private var time = UInt64.max
    /// The earliest entry of the loop's wheel that still counts.
    private var armedTick = UInt64.max

    /// Sets when the deadline is over, unless it is set anew before; `.max` for never.
    mutating func set(_ time: UInt64, of key: UInt64, in loop: EventLoop) {
        self.time = time
        if time != .max, time / TimerWheel.tick < armedTick { armedTick = loop.arm(key, at: time) }
    }

    /// Begins a window, over at `time`, in which enough bytes must move.
    mutating func beginWindow(until time: UInt64, of key: UInt64, in loop: EventLoop) {
        windowBytes = 0
        set(time, of: key, in: loop)
    }

    /// An entry of the wheel fired: it may be stale, early, or the deadline. Returns whether the deadline is over, once.
    mutating func isOver(atTick tick: UInt64, of key: UInt64, in loop: EventLoop) -> Bool {
        guard tick == armedTick else { return false }
        armedTick = .max
        if loop.now >= time {
            time = .max
            return true
        }
        if time != .max { armedTick = loop.arm(key, at: time) }
        return false
    }
}
