-- The configuration of the Auditline language server, in the form of Neovim 0.11: `vim.lsp.enable('auditline')`.
return {
  cmd = { 'auditline', 'server' },
  filetypes = { 'python', 'dockerfile', 'sql', 'toml', 'requirements' },
  root_markers = { 'auditline.toml', 'pyproject.toml', 'alembic.ini', '.git' },
}
