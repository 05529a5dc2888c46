internal import Foundation
internal import Glibc
internal import Operations

/// A bad network between network namespaces, for hosts whose kernel has no `netem`: a TUN device for each, between
/// which every IPv4 packet is lost with some probability or delivered late, and devices that a partition cuts off.
struct Relay {
    private struct Packet {
        let due: Double
        let target: Int
        let bytes: [UInt8]
    }

    private let loss: Double
    private let delay: Double
    private let partition: String
    private let devices: [(name: String, prefix: [UInt8], descriptor: Int32)]

    /// `LOSS DELAY FILE NAME=A.B.C …`: probability of loss, seconds of delay, a file that names the devices that are
    /// cut off while it exists, and the devices with the first three numbers of their addresses.
    init(_ arguments: [String]) throws {
        guard arguments.count > 4, let loss = Double(arguments[0]), let delay = Double(arguments[1]) else {
            throw Failure(.usage, "usage: sordino-measure relay LOSS DELAY FILE NAME=A.B.C NAME=A.B.C …")
        }
        self.loss = loss
        self.delay = delay
        partition = arguments[2]
        devices = try arguments.dropFirst(3).map { argument in
            let parts = argument.split(separator: "=").map(String.init)
            let prefix = parts.last?.split(separator: ".").compactMap { UInt8($0) } ?? []
            guard parts.count == 2, prefix.count == 3 else {
                throw Failure(.usage, "\"\(argument)\" is not NAME=A.B.C")
            }
            return (parts[0], prefix, try Self.device(parts[0]))
        }
    }

    /// Relays until the process is ended.
    func run() throws {
        print("relaying")
        fflush(nil)
        var waiting: [Packet] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var cutOff: Set<String> = []
        var nextLook = 0.0
        while true {
            let now = Self.now
            if now >= nextLook {
                nextLook = now + 0.2
                let text = (try? String(contentsOfFile: partition, encoding: .utf8)) ?? ""
                cutOff = Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
            }
            // Every packet is delayed alike, so that the first is always due first.
            let due = waiting.prefix { $0.due <= now }
            for packet in due {
                _ = packet.bytes.withUnsafeBytes {
                    write(devices[packet.target].descriptor, $0.baseAddress, $0.count)
                }
            }
            waiting.removeFirst(due.count)
            var polled = devices.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            let pause = waiting.first.map { max(0, $0.due - now) * 1000 } ?? 100
            poll(&polled, nfds_t(polled.count), Int32(min(pause, 100).rounded(.up)))
            for (source, state) in polled.enumerated() where state.revents & Int16(POLLIN) != 0 {
                let count = buffer.withUnsafeMutableBytes {
                    read(devices[source].descriptor, $0.baseAddress, $0.count)
                }
                guard count >= 20, buffer[0] >> 4 == 4 else { continue }
                let prefix = Array(buffer[16..<19])
                guard let target = devices.firstIndex(where: { $0.prefix == prefix }),
                    !cutOff.contains(devices[source].name), !cutOff.contains(devices[target].name),
                    Double.random(in: 0..<1) >= loss
                else { continue }
                waiting.append(Packet(due: Self.now + delay, target: target, bytes: Array(buffer[..<count])))
            }
        }
    }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Makes a TUN device; its descriptor serves it also after the device was moved to another namespace.
    private static func device(_ name: String) throws -> Int32 {
        let descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(.network, "cannot open /dev/net/tun") }
        // struct ifreq of <net/if.h>: the name in 16 bytes, then the flags IFF_TUN | IFF_NO_PI of <linux/if_tun.h>.
        var request = [UInt8](repeating: 0, count: 40)
        for (index, byte) in name.utf8.prefix(15).enumerated() { request[index] = byte }
        request[16] = 0x01
        request[17] = 0x10
        let setInterface: UInt = 0x4004_54CA  // TUNSETIFF of the same header.
        guard ioctl(descriptor, setInterface, &request) == 0 else {
            throw Failure(.network, "cannot make the device \(name): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }
}
