call auditline#define('toml')
