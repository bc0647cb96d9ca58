call auditline#define('dockerfile')
