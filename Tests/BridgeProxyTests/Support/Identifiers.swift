@testable import Upstream

// Tests write identifiers as numbers.
extension MemberID: ExpressibleByIntegerLiteral {
  /// The identifier with this number.
  public init(integerLiteral value: Int) { self.init(value) }
}
