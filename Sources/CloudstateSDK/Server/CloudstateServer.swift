/// A user function: hosts entities for a Cloudstate sidecar.
public struct CloudstateServer {
}
