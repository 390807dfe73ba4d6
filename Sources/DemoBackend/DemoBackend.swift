/// Marks the module until it has its content.
enum DemoBackendModule {}
