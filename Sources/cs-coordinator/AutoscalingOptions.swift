import ArgumentParser
import CloudstateModel
import ClusterControl
import CommandLineKit

/// Who starts and stops nodes.
enum ScalerName: String, ExpressibleByArgument, CaseIterable {
  case launcher, kubernetes, command, none
}

/// How many nodes services are to have.
struct AutoscalingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Services whose number of nodes follows their load; default: none.",
      valueName: "service,..."))
  var autoscale: String?
  @Option(
    help: ArgumentHelp(
      "Who starts and stops nodes: launcher (the cs-up that runs this), kubernetes, command, or none, which "
        + "only tells; default: launcher under cs-up, else none."))
  var scaler: ScalerName?
  @Option(
    help: ArgumentHelp(
      "For command: an absolute path and arguments, separated by spaces; the wanted number of nodes is added, and "
        + "CS_LEAVING names those to stop."
    ))
  var scaleCommand: String?
  @Option(
    help: ArgumentHelp(
      "For command: writes how many nodes are asked for; default: the members are counted."))
  var scaleShowCommand: String?
  @Option(
    help: ArgumentHelp(
      "For kubernetes: selects the deployment of the nodes, such as app=cart; they need the names of their pods.",
      valueName: "label=value"))
  var scaleSelector: String?
  @Option(
    help: "Fewer nodes are never asked for, nor fewer than a service keeps copies of each shard.")
  var scaleMinimum = 1
  @Option(help: "More nodes are never asked for.") var scaleMaximum = 100
  @Option(help: "Commands at the user function of a node that are right, on average.")
  var scaleTargetFunctions = 1.0
  @Option(
    help: "Requests in a node that are right, on average, without those that wait for the store.")
  var scaleTargetRequests = 50.0
  @Option(help: "How far back averages reach.") var scaleWindow: Duration = .seconds(60)
  @Option(
    help: "How far back the rate of requests reaches; so long samples are gathered after a change.")
  var scaleRateWindow: Duration = .seconds(6)
  @Option(help: "How often to decide.") var scaleTick: Duration = .seconds(2)
  @Option(help: "How long more nodes are given to show their effect.")
  var scaleUpDeadline: Duration = .seconds(180)
  @Option(help: "How long fewer nodes are given to show their effect.")
  var scaleDownDeadline: Duration = .seconds(30)
  @Option(help: "The largest change at once, in nodes; 0 for no such bound.") var scaleStep = 2
  @Option(help: "The largest change at once, as a part of the nodes; 0 for no such bound.")
  var scaleStepFactor = 0.0
  @Option(help: "So much more requests ask for more nodes on top of those that are on their way.")
  var scaleRateThreshold = 1.5
  @Option(help: "Nodes are given up only if the others stay below the targets by this part.")
  var scaleMargin = 0.2
  @Option(help: "How long a new node is not at full speed.") var scaleWarmUp: Duration = .seconds(
    10)
  @Option(help: "A scale that is asked for and not there is asked for again after this long.")
  var scaleRepeat: Duration = .seconds(20)
  @Option(
    help: ArgumentHelp(
      "Folder for recordings of decisions, for cs-admin scale replay; default: autoscaler in --data.",
      valueName: "folder"))
  var scaleRecordings: String?

  /// What `--config` files may set.
  static let options = [
    "autoscale", "scaler", "scale-command", "scale-show-command", "scale-selector",
    "scale-minimum", "scale-maximum", "scale-target-functions", "scale-target-requests",
    "scale-window", "scale-rate-window", "scale-tick", "scale-up-deadline", "scale-down-deadline",
    "scale-step", "scale-step-factor", "scale-rate-threshold", "scale-margin", "scale-warm-up",
    "scale-repeat", "scale-recordings",
  ]

  /// - Parameter data: the coordinator's folder, if it has one.
  /// - Returns: `nil` without `--autoscale`.
  /// - Throws: ``ProgramError`` with status `usage` that says what to change.
  func configuration(data: String?) throws(ProgramError) -> AutoscalingConfiguration? {
    guard let autoscale else {
      let needing: [(String, String?)] = [
        ("--scaler", scaler?.rawValue), ("--scale-command", scaleCommand),
        ("--scale-show-command", scaleShowCommand), ("--scale-selector", scaleSelector),
        ("--scale-recordings", scaleRecordings),
      ]
      if let (name, _) = needing.first(where: { $0.1 != nil }) {
        throw wrong("\(name) needs --autoscale: name the services to scale")
      }
      return nil
    }
    var services: [ServiceName] = []
    for text in autoscale.split(separator: ",", omittingEmptySubsequences: false) {
      guard let service = ServiceName(String(text)) else {
        throw wrong("--autoscale: '\(text)' is no legal name of a service")
      }
      services.append(service)
    }
    var configuration = AutoscalingConfiguration(services: services, scaler: try choice())
    configuration.settings = settings
    configuration.warmUp = scaleWarmUp
    configuration.recordings = scaleRecordings ?? data.map { "\($0)/autoscaler" }
    return configuration
  }

  private var settings: AutoscalerSettings {
    var settings = AutoscalerSettings()
    settings.targetFunctionConcurrency = scaleTargetFunctions
    settings.targetRequestConcurrency = scaleTargetRequests
    settings.window = scaleWindow
    settings.scaleUpStableDeadline = scaleUpDeadline
    settings.scaleDownStableDeadline = scaleDownDeadline
    settings.rateThresholdFactor = scaleRateThreshold
    settings.rateWindow = scaleRateWindow
    settings.maximumScaleFactor = scaleStepFactor
    settings.maximumScale = scaleStep
    settings.maximumMembers = scaleMaximum
    settings.minimumMembers = scaleMinimum
    settings.scaleDownMargin = scaleMargin
    settings.tickPeriod = scaleTick
    settings.repeatInterval = scaleRepeat
    return settings
  }

  private func choice() throws(ProgramError) -> AutoscalingConfiguration.Choice {
    let socket = environmentVariable(LauncherScaler.socketVariable)
    let name = scaler ?? (socket == nil ? .none : .launcher)
    if name != .command, scaleCommand != nil || scaleShowCommand != nil {
      throw wrong("--scale-command and --scale-show-command are for --scaler command")
    }
    if name != .kubernetes, scaleSelector != nil {
      throw wrong("--scale-selector is for --scaler kubernetes")
    }
    switch name {
    case .none: return .none
    case .launcher:
      guard let socket else {
        throw wrong(
          "--scaler launcher is for a coordinator that cs-up has started: \(LauncherScaler.socketVariable) is "
            + "not set; choose another scaler")
      }
      return .launcher(socket: socket)
    case .command:
      guard let scaleCommand else { throw wrong("--scaler command needs --scale-command") }
      return .command(
        CommandScalerConfiguration(
          command: words(scaleCommand), showCommand: scaleShowCommand.map(words)))
    case .kubernetes:
      guard let scaleSelector else { throw wrong("--scaler kubernetes needs --scale-selector") }
      do throws(ScalerError) {
        return .kubernetes(
          try .inPod(labelSelector: scaleSelector, environment: environmentVariables()))
      } catch {
        throw wrong(error.message)
      }
    }
  }

  private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

  private func environmentVariables() -> [String: String] {
    var variables: [String: String] = [:]
    for name in ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
      variables[name] = environmentVariable(name)
    }
    return variables
  }

  private func wrong(_ message: String) -> ProgramError {
    ProgramError(message, hint: "cs-coordinator --help", status: .usage)
  }
}
