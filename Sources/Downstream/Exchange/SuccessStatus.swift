internal import HTTP2

/// The HTTP status of a response to a successful call, if the endpoint chooses it: the value of a field
/// of its initial metadata (`status_header` of the service).
enum SuccessStatus {
  /// Removes the field from a reply's metadata.
  ///
  /// - Parameters:
  ///   - name: in lower case.
  ///   - isStream: whether the response is a stream, which needs a status with a body.
  /// - Returns: nil if the field is absent, or isn't a valid response status: a number from 200 to 399.
  ///   Of several fields the first one counts.
  static func take(_ name: [UInt8], outOf metadata: inout HeaderBlock, isStream: Bool) -> Int? {
    var status: Int?
    var hasField = false
    var kept = HeaderBlock()
    for field in metadata.fields {
      guard metadata.bytes[field.name].elementsEqual(name) else {
        kept.append(field, of: metadata)
        continue
      }
      if !hasField { status = Self.read(metadata.bytes[field.value]) }
      hasField = true
    }
    guard hasField else { return nil }
    metadata = kept
    guard let status, !isStream || Self.hasBody(status) else { return nil }
    return status
  }

  /// Whether a response with this status has content (RFC 9110 §15.3.5, §15.3.6 and §15.4.5).
  static func hasBody(_ status: Int) -> Bool {
    status != 204 && status != 205 && status != 304
  }

  private static func read(_ value: ArraySlice<UInt8>) -> Int? {
    guard value.count == 3 else { return nil }
    var number = 0
    for byte in value {
      guard byte &- UInt8(ascii: "0") < 10 else { return nil }
      number = number * 10 + Int(byte &- UInt8(ascii: "0"))
    }
    return (200...399).contains(number) ? number : nil
  }
}
