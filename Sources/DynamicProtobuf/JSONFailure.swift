extension DescriptorPool {
  func explain(_ text: String, message: String) -> TranscodingError { TranscodingError(.invalidJSON, text) }
}
