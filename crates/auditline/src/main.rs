//! The command line of Auditline.
fn main() {}
