-- `:checkhealth auditline`
local M = {}

local function version(command)
  local ok, result = pcall(function()
    return vim.system({ command, 'version' }, { text = true }):wait(5000)
  end)
  if ok and result.code == 0 then
    return vim.trim(result.stdout)
  end
end

function M.check()
  vim.health.start('auditline')
  if vim.fn.has('nvim-0.11') == 1 then
    vim.health.ok('Neovim 0.11 or newer')
  else
    vim.health.error('Neovim 0.11 or newer is needed')
    return
  end
  local config = vim.lsp.config.auditline
  local command = config and type(config.cmd) == 'table' and config.cmd[1] or 'auditline'
  if vim.fn.executable(command) == 0 then
    vim.health.error(('`%s` is not executable'):format(command), {
      'Build it with `cargo install --path crates/auditline`, or',
      "name it: vim.lsp.config('auditline', { cmd = { '/path/to/auditline', 'server' } })",
    })
    return
  end
  local found = version(command)
  if found then
    vim.health.ok(('%s (%s)'):format(found, vim.fn.exepath(command)))
  else
    vim.health.error(('`%s version` fails'):format(command))
  end
  if vim.lsp.is_enabled and not vim.lsp.is_enabled('auditline') then
    vim.health.warn("the server is not enabled: vim.lsp.enable('auditline')")
  end
  local clients = vim.lsp.get_clients({ name = 'auditline' })
  if #clients == 0 then
    vim.health.info('no server is running: open a Python file or a Dockerfile of a project')
  end
  for _, client in ipairs(clients) do
    vim.health.ok(('running for %s'):format(client.root_dir or 'a single file'))
  end
end

return M
