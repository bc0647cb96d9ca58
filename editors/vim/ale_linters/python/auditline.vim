call auditline#define('python')
