-- The configuration of the Auditline language server, in the form of Neovim 0.11: `vim.lsp.enable('auditline')`.
return {
  cmd = { 'auditline', 'server' },
  filetypes = { 'python', 'dockerfile', 'sql', 'toml', 'requirements' },
  root_markers = { 'auditline.toml', 'pyproject.toml', 'alembic.ini', '.git' },
  -- Neovim takes edits with versions without saying so; the plugin asks about those that are to be confirmed.
  capabilities = {
    workspace = { workspaceEdit = { documentChanges = true, changeAnnotationSupport = { groupsOnLabel = false } } },
  },
  on_init = function(client)
    require('auditline.confirm').attach(client)
  end,
}
