call auditline#define('sql')
