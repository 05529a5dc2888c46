import Configuration
import Federation
import Messages
import Testing
import Transport

@testable import ClientAgent

@Suite("Tasks are resolved once") struct TaskCacheTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    @Test("What is cached is what would be read anew, for every change of the assignment")
    func changes() throws {
        var cache = TaskCache()
        let first = try TestTask(folder: authority.folder)
        let other = try TestTask(privacy: TestTask.local, folder: authority.folder)
        for task in [first, first, other, first, other] {
            let message = try task.message(round: 1)
            let read = try cache.task(message)
            #expect(read.digest == (try AssignedTask(message).digest))
            let work = try RoundWork(message, task: read, model: SharedBuffer(task.file), cache: &cache)
            let anew = try RoundWork(message, task: AssignedTask(message), model: SharedBuffer(task.file))
            #expect(work.plan.privacy?.serverEvent == anew.plan.privacy?.serverEvent)
            #expect(work.model == anew.model && work.preprocessing == anew.preprocessing)
        }
    }

    @Test("A text that has not the digest that is stated is never taken from the cache")
    func statedDigest() throws {
        var cache = TaskCache()
        let task = try TestTask(folder: authority.folder)
        var message = try task.message(round: 1)
        _ = try cache.task(message)
        message.taskSHA256 = String(repeating: "0", count: 64)
        #expect(throws: UnusablePlan.self) { try cache.task(message) }
        message = try task.message(round: 2)
        message.task += " "
        #expect(throws: UnusablePlan.self) { try cache.task(message) }
    }

    @Test("A population, or a schema, of its own is resolved for itself")
    func population() throws {
        var cache = TaskCache()
        let task = try TestTask(privacy: TestTask.local, folder: authority.folder)
        var message = try task.message(round: 1)
        let read = try cache.task(message)
        let file = SharedBuffer(task.file)
        let before = try RoundWork(message, task: read, model: file, cache: &cache)
        message.population += 7
        let after = try RoundWork(message, task: read, model: file, cache: &cache)
        #expect(before.plan.population + 7 == after.plan.population)
        message.schemaSHA256 = String(repeating: "0", count: 64)
        #expect(throws: UnusablePlan.self) {
            try RoundWork(message, task: read, model: file, cache: &cache)
        }
    }
}
