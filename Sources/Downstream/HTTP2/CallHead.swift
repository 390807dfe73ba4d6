internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOCore

/// The head of an HTTP/2 request, read to pass its gRPC call through.
///
/// All fields are forwarded unchanged, in their order, except those of the connection or of this hop
/// (pseudo-header fields, `te`, `host`, `content-length`, `proxy-…`), `grpc-timeout`, which the call
/// writes anew, and `x-request-id`, which the bridge generates for a request without one.
struct CallHead {
  private(set) var path = ""
  /// `:authority`, or Host without it (RFC 9113 §8.3.1).
  private(set) var authority = ""
  /// Timeout, request identifier, source and handling of `Forwarded`, as for other requests.
  private(set) var headers = RequestHeaders()
  /// `content-type` and the fields reserved for gRPC (`grpc-…`), which no configuration removes.
  private(set) var ownFields = HeaderBlock()
  private(set) var metadata = HeaderBlock()
  /// The error if it's gRPC but can't be passed on.
  private(set) var fault: GRPCStatus?

  /// Number of bridges that the call has passed.
  private var bridgeCount = 0
  private var isPost = false
  private var hasContentType = false

  /// Whether it's a gRPC call (gRPC's PROTOCOL-HTTP2.md, "Requests"): a POST whose content type is
  /// `application/grpc` or a variant of it.
  var isGRPC: Bool { self.isPost && self.hasContentType }

  /// Reads the fields of `block` in `range`.
  init(_ block: HeaderBlock, _ range: Range<Int>) {
    var host = ""
    for field in block.fields[range] {
      let name = block.bytes[field.name]
      switch name.first {
      case UInt8(ascii: ":"):
        if block.isNamed(":path", field) {
          self.path = block.value(of: field)
        } else if block.isNamed(":authority", field) {
          self.authority = block.value(of: field)
        } else if block.isNamed(":method", field) {
          self.isPost = block.isText("POST", field.value)
        }
        continue
      case UInt8(ascii: "c"):
        if block.isNamed("content-length", field) { continue }
        if block.isNamed("content-type", field) {
          self.hasContentType = ReplyFields.isGRPC(block.bytes[field.value])
          self.ownFields.append(field, of: block)
          continue
        }
      case UInt8(ascii: "g"):
        if block.isNamed("grpc-timeout", field) {
          self.readTimeout(block.bytes[field.value])
          continue
        }
        if name.starts(with: "grpc-".utf8) {
          self.ownFields.append(field, of: block)
          continue
        }
      case UInt8(ascii: "h"):
        if block.isNamed("host", field) {
          host = block.value(of: field)
          continue
        }
      case UInt8(ascii: "o"):
        if block.isNamed("origin", field) {
          self.headers.note(.origin, block.value(of: field))
        }
      case UInt8(ascii: "p"):
        if name.starts(with: "proxy-".utf8) { continue }
      case UInt8(ascii: "s"):
        if block.isNamed("sec-fetch-site", field) {
          self.headers.note(.fetchSite, block.value(of: field))
        }
      case UInt8(ascii: "t"):
        if block.isNamed("te", field) { continue }
      case UInt8(ascii: "v"):
        if block.isNamed("via", field) { self.readVia(block.bytes[field.value]) }
      case UInt8(ascii: "x"):
        if block.isNamed("x-request-id", field) {
          let value = block.value(of: field)
          if self.headers.requestID.isEmpty, RequestIDs.isKept(value) {
            self.headers.requestID = value
          }
          continue
        }
      default:
        break
      }
      if HeaderName.isForwarded(name) { self.headers.hasForwarded = true }
      self.metadata.append(field, of: block)
    }
    if self.authority.isEmpty { self.authority = host }
  }

  private mutating func readVia(_ value: ArraySlice<UInt8>) {
    if let reason = Via.fault(value, passed: &self.bridgeCount) {
      self.fault = GRPCStatus(.internal, reason)
    }
  }

  private mutating func readTimeout(_ value: ArraySlice<UInt8>) {
    guard let timeout = GRPCTimeout.parse(bytes: value) else {
      self.fault = GRPCStatus(
        .invalidArgument,
        "grpc-timeout: expected up to 8 digits and a unit (H, M, S, m, u or n), such as 500m")
      return
    }
    self.headers.timeout = min(timeout, self.headers.timeout ?? timeout)
  }

  /// Releases the fields that only the start of the call needs.
  mutating func shrink() {
    self.ownFields = HeaderBlock()
    self.metadata = HeaderBlock()
  }
}
