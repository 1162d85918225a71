import CloudstateModel
import DequeModule

/// What callers of one replicated entity shall hear, in order, and what each waits for.
struct ReplyOutbox: Sendable {
  enum Letter: Sendable {
    case news(CommandTicket, CallerNews)
    /// Side effects without a caller.
    case effects([SideEffect])
  }

  private struct Entry: Sendable {
    let letter: Letter
    /// The number of changes that must be durable here.
    let writes: UInt64
    /// The change that enough nodes must confirm.
    let confirmation: UInt64?

    var ticket: CommandTicket? {
      if case .news(let ticket, _) = letter { ticket } else { nil }
    }

    /// What is left of it when its caller has gone: its side effects.
    var withoutCaller: Entry? {
      guard case .news(_, .answer(let answer, _)) = letter, !answer.effects.isEmpty else {
        return nil
      }
      return Entry(letter: .effects(answer.effects), writes: writes, confirmation: nil)
    }
  }

  private var entries: Deque<Entry> = []
  /// Changes that are durable here and wait for other nodes, or do so soon.
  private var unconfirmed: Set<UInt64> = []

  var isEmpty: Bool { entries.isEmpty }
  var count: Int { entries.count }

  /// - Parameters:
  ///   - writes: the number of changes that must be durable before.
  ///   - confirmation: a change that other nodes must confirm before.
  mutating func add(
    _ news: CallerNews, to ticket: CommandTicket, after writes: UInt64, confirmation: UInt64? = nil
  ) {
    if let confirmation { unconfirmed.insert(confirmation) }
    entries.append(
      Entry(letter: .news(ticket, news), writes: writes, confirmation: confirmation))
  }

  mutating func add(_ effects: [SideEffect], after writes: UInt64) {
    guard !effects.isEmpty else { return }
    entries.append(Entry(letter: .effects(effects), writes: writes, confirmation: nil))
  }

  /// The caller wants no more. What it caused still happens.
  mutating func forget(_ ticket: CommandTicket) {
    guard entries.contains(where: { $0.ticket == ticket }) else { return }
    entries = Deque(entries.compactMap { $0.ticket == ticket ? $0.withoutCaller : $0 })
  }

  /// Other nodes have confirmed a change.
  mutating func confirm(_ write: UInt64) { unconfirmed.remove(write) }

  /// Other nodes have not confirmed a change in time: who waits for it gets `error` and nothing after it.
  ///
  /// - Returns: who that is.
  mutating func fail(_ write: UInt64, with error: CommandError) -> CommandTicket? {
    unconfirmed.remove(write)
    guard let ticket = entries.first(where: { $0.confirmation == write })?.ticket else {
      return nil
    }
    var isTold = false
    entries = Deque(
      entries.compactMap { entry in
        guard entry.ticket == ticket else { return entry }
        if isTold { return entry.withoutCaller }
        guard entry.confirmation == write else { return entry }
        isTold = true
        return Entry(letter: .news(ticket, .end(error)), writes: entry.writes, confirmation: nil)
      })
    return ticket
  }

  /// Changes could not be made durable: everyone gets `error`.
  mutating func failAll(with error: CommandError) -> [Letter] {
    var told: Set<CommandTicket> = []
    var letters: [Letter] = []
    // A plain loop: the optimizer of Swift 6.3.1 crashes over `compactMap` here.
    for entry in entries {
      guard case .news(let ticket, _) = entry.letter, told.insert(ticket).inserted else { continue }
      letters.append(.news(ticket, .end(error)))
    }
    entries.removeAll()
    unconfirmed.removeAll()
    return letters
  }

  /// Takes out what may go, now that the first `durable` changes are durable.
  mutating func release(durable: UInt64) -> [Letter] {
    var released: [Letter] = []
    // Nothing waits for other nodes, as nearly always: all that may go is in front.
    if unconfirmed.isEmpty {
      while let first = entries.first, first.writes <= durable {
        released.append(first.letter)
        entries.removeFirst()
      }
      return released
    }
    var held: Set<CommandTicket> = []
    entries = Deque(
      entries.filter { entry in
        let waits =
          entry.writes > durable || entry.confirmation.map(unconfirmed.contains) ?? false
          || entry.ticket.map(held.contains) ?? false
        if waits, let ticket = entry.ticket { held.insert(ticket) }
        if !waits { released.append(entry.letter) }
        return waits
      })
    return released
  }
}
