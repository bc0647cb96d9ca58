-- Guards against loading twice; everything else is `lsp/auditline.lua` and `:checkhealth auditline`.
if vim.g.loaded_auditline then
  return
end
vim.g.loaded_auditline = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('auditline needs Neovim 0.11 or newer', vim.log.levels.ERROR)
  return
end

if vim.g.auditline_enable ~= false then
  vim.lsp.enable('auditline')
end
