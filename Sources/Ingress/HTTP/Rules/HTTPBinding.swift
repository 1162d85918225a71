import DynamicProtobuf

/// One way to call one method over HTTP.
struct HTTPBinding: Sendable {
  /// What the request's body is.
  enum Body: Hashable, Sendable {
    /// Nothing; it is not looked at.
    case none
    /// The whole message.
    case message
    case field(FieldDescriptor)
  }

  let method: MethodDescriptor
  /// `/package.Service/Method`.
  let methodPath: String
  /// `nil`: every verb.
  let verb: String?
  let template: PathTemplate
  /// The field of each variable of the template.
  let variables: [FieldPath]
  let body: Body
  /// The field of the reply that is the response; `nil`: the whole reply.
  let responseField: FieldDescriptor?
}
