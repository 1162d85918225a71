import AccessControl
import ArgumentParser
import CloudstateModel
import CloudstateProtocol
import CommandClient
import CommandLineKit
import SwiftProtobuf

/// `cs-admin auth check`: what the rules say, and why.
struct AuthCheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Explains, rule by rule, whether somebody may do something.",
    discussion: """
      EXAMPLES
        cs-admin auth check cs.cmd.cart.AddItem --as ada --access Config/access.yaml
        cs-admin auth check 'cs.evt.cart.*.ada.>' --as ada --server 127.0.0.1:9000
        cs-admin auth check cs.admin.auth.check --as sub-of-a-jwt --group operators -o json

      With --access the file is read; without it a node is asked, which takes the right 'admin \
      cs.admin.auth.check', or no access control and a connection from the same machine.

      SUBJECTS
        cs.cmd.SERVICE.METHOD                        send a command
        cs.evt.SERVICE.PERSISTENCEID.ENTITY.EVENT    follow events
        cs.admin.VERB                                look into a node
        A pattern ('*' one token, '>' the rest) asks for all of its subjects at once.

      EXIT STATUS
        0 allowed   2 wrong argument or file   3 unreachable   6 denied
      """)

  @Argument(help: "A subject, or a pattern of subjects.") var subject: String
  @Option(name: .customLong("as"), help: ArgumentHelp("Whose rights.", valueName: "name"))
  var name: String
  @Option(help: ArgumentHelp("A further group of this name; repeatable.", valueName: "name"))
  var group: [String] = []
  @Option(help: ArgumentHelp("Ask this access file, not a node.", valueName: "file"))
  var access: String?
  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let question: AccessQuestion
    do throws(AccessQuestion.Invalid) {
      question = try AccessQuestion(subject: subject)
    } catch {
      throw ProgramError(
        error.message, hint: "cs-admin auth check cs.cmd.cart.AddItem --as \(name)", status: .usage)
    }
    let explanation = try await explanation(of: question)
    let text =
      switch try options.format() {
      case .text: explanation.text(of: name, subject: subject)
      case .json: explanation.json(of: name, subject: subject).pretty
      case .jsonl: explanation.json(of: name, subject: subject).compact
      }
    try options.console.output(text)
    guard explanation.isAllowed else { throw ExitCode(ExitStatus.denied.rawValue) }
  }

  private func explanation(of question: AccessQuestion) async throws -> AccessExplanation {
    guard let access else {
      let session = try ClientSession(options)
      return AccessExplanation(
        try await session.checkAccess(
          .with {
            $0.name = name
            $0.groups = group
            $0.subject = subject
          }))
    }
    do throws(AccessFileLoader.Failure) {
      let file = try AccessFileLoader.parse(path: access)
      return AccessExplanation(
        question, of: file.principal(named: name, groups: Set(group)), under: file.policy)
    } catch {
      throw ProgramError(error.description, status: .usage)
    }
  }
}

extension AccessExplanation {
  /// What a node has answered.
  fileprivate init(_ response: Cloudstate_Admin_AccessCheckResponse) {
    self.init(
      isAllowed: response.allowed, action: response.action, groups: response.groups,
      decidingRule: response.rule == 0 ? nil : Int(response.rule),
      permission: response.permission.isEmpty ? nil : response.permission,
      findings: response.findings.map { finding in
        Finding(
          line: Int(finding.line), who: finding.who.isEmpty ? nil : finding.who,
          matches: finding.matches.map {
            .init(
              isDenial: $0.denial, permission: $0.permission, isDecisive: $0.decisive)
          })
      })
  }
}
