@testable import Upstream

// Tests write identifiers as numbers.
extension MemberID: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int) { self.init(value) }
}
