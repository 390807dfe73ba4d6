/// The executable form of a schema.
package final class Plan: Sendable {
}
