/// A stateless service: methods of any shape that compute, look elsewhere, or hand calls over.
///
/// Unlike an entity, an action is one value for the whole server, made by the program, so it can hold
/// what its methods need. They run at any time, also side by side.
///
/// ```swift
/// struct Greeter: Action {
///   static let serviceName = "example.Greeter"
///   let clock = ContinuousClock()
///
///   var methods: ActionMethods {
///     OnUnary("Greet") { (context, person: Person) in
///       Greeting.with { $0.text = "Hello, \(person.name)!" }
///     }
///     OnUnary("Register") { (context, person: Person) -> ActionAnswer<Receipt> in
///       .forward(to: "example.Members/Add", person)
///     }
///     OnStreamedIn("Count") { (context, people: ActionRequests<Person>) in
///       var count: Int32 = 0
///       for try await _ in people { count += 1 }
///       return Total.with { $0.value = count }
///     }
///     OnStreamedOut("Remind") { (context, person: Person, replies: ActionReplies<Greeting>) in
///       while true {
///         try await replies.send(Greeting.with { $0.text = "Still there, \(person.name)?" })
///         try await clock.sleep(for: .seconds(60))
///       }
///     }
///     OnStreamed("GreetAll") { (context, people: ActionRequests<Person>) in
///       people.map { person in Greeting.with { $0.text = "Hello, \(person.name)!" } }
///     }
///   }
/// }
/// ```
///
/// In every shape, `throw CommandFailure(...)` ends the call in a regular way, and the caller gets the
/// text. Any other error ends it with the gRPC status INTERNAL: what went wrong is in the log of this
/// program and not told to the caller.
public protocol Action: Sendable {
  /// The full name of the gRPC service, such as `example.Greeter`. It must be in the descriptors
  /// given to ``CloudstateServer``.
  static var serviceName: String { get }

  /// The methods of the service. Read once, when a server starts.
  @ActionMethodsBuilder var methods: ActionMethods { get }
}

/// What a method of an action knows about its call.
public struct ActionContext: Sendable {
  /// The short name of the method that was called.
  public let methodName: String

  /// Request headers, or the attributes of the event that the call is about. The requests of a stream
  /// that comes from an event source have their own: ``ActionRequests/withMetadata``.
  public let metadata: Metadata
}
