-- Guards against loading twice, enables the server and declares `:Auditline`; the rest is in `lua/auditline`.
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

if vim.g.auditline_story then
  require('auditline.story').set('on')
end

vim.api.nvim_create_user_command('Auditline', function(options)
  require('auditline').command(options.fargs)
end, {
  nargs = '+',
  desc = 'Auditline: explain, findings, report, restart, story',
  complete = function(lead, line)
    return require('auditline').complete(lead, line)
  end,
})
