-- What `:Auditline` does. The server is configured in `lsp/auditline.lua`.
local M = {}

local function notify(message, level)
  vim.notify('auditline: ' .. message, level or vim.log.levels.INFO)
end

--- The program that the configuration of the server names.
function M.program()
  local config = vim.lsp.config.auditline
  return config and type(config.cmd) == 'table' and config.cmd[1] or 'auditline'
end

--- The directory of the project around a buffer.
function M.root(buffer)
  local client = vim.lsp.get_clients({ name = 'auditline', bufnr = buffer })[1]
  local markers = vim.lsp.config.auditline and vim.lsp.config.auditline.root_markers or { 'pyproject.toml', '.git' }
  return client and client.root_dir or vim.fs.root(buffer, markers) or vim.fn.getcwd()
end

--- Runs the program without standing in the way; `done` gets what it printed, or nothing when it could not do the job.
local function run(arguments, directory, done)
  local command = vim.list_extend({ M.program() }, arguments)
  local ok, problem = pcall(vim.system, command, { text = true, cwd = directory }, function(result)
    vim.schedule(function()
      -- 1 says that something was found.
      if result.code > 1 then
        notify(vim.trim(result.stderr), vim.log.levels.ERROR)
      else
        done(result.stdout, result.stderr, result.code)
      end
    end)
  end)
  if not ok then
    notify(problem, vim.log.levels.ERROR)
  end
end

--- The codes and names of all hazards.
function M.hazards()
  local ok, result = pcall(function()
    return vim.system({ M.program(), 'hazards' }, { text = true }):wait(5000)
  end)
  local words = {}
  if ok and result.code == 0 then
    for code, name in result.stdout:gmatch('(AUD%d+)%s+(%S+)[^\n]*') do
      vim.list_extend(words, { code, name })
    end
  end
  return words
end

--- A window with Markdown in it, that `q` closes.
local function page(name, text)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(vim.trim(text), '\n'))
  vim.bo[buffer].filetype = 'markdown'
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].bufhidden = 'wipe'
  pcall(vim.api.nvim_buf_set_name, buffer, name)
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, desc = 'close' })
  vim.cmd('belowright split')
  vim.api.nvim_win_set_buf(0, buffer)
  vim.wo.wrap = true
  vim.wo.linebreak = true
  return buffer
end

--- The code of the finding at the cursor, else of one on its line.
local function hazard_here()
  local cursor = vim.api.nvim_win_get_cursor(0)
  local here = vim.diagnostic.get(0, { lnum = cursor[1] - 1 })
  table.sort(here, function(a, b)
    local function holds(finding)
      return finding.col <= cursor[2] and cursor[2] < (finding.end_col or finding.col)
    end
    return holds(a) and not holds(b)
  end)
  for _, finding in ipairs(here) do
    if finding.source == 'auditline' and type(finding.code) == 'string' and finding.code:match('^AUD') then
      return finding.code
    end
  end
end

--- Shows the page of a hazard; without a name that of the finding on the line.
function M.explain(hazard)
  hazard = hazard or hazard_here()
  if not hazard then
    return notify('there is no finding on this line', vim.log.levels.WARN)
  end
  run({ 'explain', hazard }, nil, function(text, said, code)
    if code ~= 0 then
      return notify(vim.trim(said), vim.log.levels.ERROR)
    end
    page('auditline://' .. hazard, text)
  end)
end

local TYPES = { error = 'E', warning = 'W', information = 'I', hint = 'N' }

--- The findings of the whole project as `auditline check` reports them, from the files on disk.
local function check(done)
  local root = M.root(0)
  run({ 'check', '--output-format', 'json', '.' }, root, function(text)
    local ok, document = pcall(vim.json.decode, text)
    if not ok then
      return notify('the report cannot be read', vim.log.levels.ERROR)
    end
    done(document, root)
  end)
end

--- The findings of the whole project in the quickfix list; `severity` keeps those at least as bad.
function M.findings(severity)
  local order = { error = 1, warning = 2, information = 3, hint = 4 }
  if severity and not order[severity] then
    return notify(('there is no severity `%s`'):format(severity), vim.log.levels.ERROR)
  end
  check(function(document, root)
    local items = {}
    for _, finding in ipairs(document.findings) do
      if not severity or order[finding.severity] <= order[severity] then
        local from, to = finding.range.start, finding.range['end']
        items[#items + 1] = {
          filename = vim.fs.joinpath(root, finding.path),
          lnum = from.line,
          col = from.column,
          end_lnum = to.line,
          end_col = to.column,
          type = TYPES[finding.severity],
          text = finding.code .. ' ' .. finding.message,
          user_data = finding.fingerprint,
        }
      end
    end
    vim.fn.setqflist({}, ' ', { title = 'Auditline', items = items })
    if #items == 0 then
      return notify('no findings')
    end
    vim.cmd('botright copen')
  end)
end

--- A report of the whole project: counts, and every finding with its evidence.
function M.report()
  check(function(document, root)
    local summary = document.summary
    local lines = { '# Audit of ' .. vim.fs.basename(root), '' }
    local by = summary.by_severity
    lines[#lines + 1] = ('%d files, %d findings: %d errors, %d warnings, %d information, %d hints.'):format(
      summary.files_checked, summary.findings, by.error, by.warning, by.information, by.hint)
    local groups, codes = {}, {}
    for _, finding in ipairs(document.findings) do
      if not groups[finding.code] then
        groups[finding.code] = {}
        codes[#codes + 1] = finding.code
      end
      table.insert(groups[finding.code], finding)
    end
    table.sort(codes)
    for _, code in ipairs(codes) do
      local group = groups[code]
      vim.list_extend(lines, { '', ('## %s %s (%d)'):format(code, group[1].name, #group), '' })
      for _, finding in ipairs(group) do
        lines[#lines + 1] = ('- %s:%d %s: %s'):format(
          finding.path, finding.range.start.line, finding.severity, (finding.message:gsub('\n', ' ')))
        for _, evidence in ipairs(finding.evidence) do
          lines[#lines + 1] = ('  - %s:%d %s'):format(
            evidence.path, evidence.range.start.line, (evidence.message:gsub('\n', ' ')))
        end
      end
    end
    page('auditline://report', table.concat(lines, '\n'))
  end)
end

--- Ends the server of every project and starts it again; what is shown afterwards is of the buffers as they are.
function M.restart()
  local clients = vim.lsp.get_clients({ name = 'auditline' })
  if #clients == 0 then
    vim.lsp.enable('auditline')
    return notify('started')
  end
  local buffers = {}
  for _, client in ipairs(clients) do
    for buffer in pairs(client.attached_buffers) do
      buffers[buffer] = true
    end
    client:stop()
  end
  local patience = 100
  local function again()
    local stopped = vim.iter(clients):all(function(client)
      return vim.lsp.get_client_by_id(client.id) == nil
    end)
    patience = patience - 1
    if not stopped and patience > 0 then
      return vim.defer_fn(again, 50)
    end
    vim.iter(clients):each(function(client)
      if vim.lsp.get_client_by_id(client.id) then
        client:stop(true)
      end
    end)
    for buffer in pairs(buffers) do
      if vim.api.nvim_buf_is_loaded(buffer) then
        vim.api.nvim_exec_autocmds('FileType', { group = 'nvim.lsp.enable', buffer = buffer })
      end
    end
    notify('restarted')
  end
  again()
end

local SUBCOMMANDS = {
  explain = { run = M.explain, complete = M.hazards },
  findings = {
    run = M.findings,
    complete = function()
      return { 'error', 'warning', 'information', 'hint' }
    end,
  },
  report = { run = M.report },
  restart = { run = M.restart },
  story = {
    run = function(word)
      require('auditline.story').set(word)
    end,
    complete = function()
      return { 'on', 'off' }
    end,
  },
}

function M.command(arguments)
  local name = table.remove(arguments, 1)
  local subcommand = SUBCOMMANDS[name]
  if not subcommand then
    return notify(('there is no subcommand `%s`'):format(name), vim.log.levels.ERROR)
  end
  if #arguments > (subcommand.complete and 1 or 0) then
    return notify(('too many arguments for `%s`'):format(name), vim.log.levels.ERROR)
  end
  subcommand.run(arguments[1])
end

function M.complete(lead, line)
  local words = vim.split(line:gsub('^%s*%S*Auditline%s+', ''), '%s+')
  local candidates = {}
  if #words <= 1 then
    candidates = vim.tbl_keys(SUBCOMMANDS)
    table.sort(candidates)
  elseif #words == 2 and SUBCOMMANDS[words[1]] and SUBCOMMANDS[words[1]].complete then
    candidates = SUBCOMMANDS[words[1]].complete()
  end
  return vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, lead)
  end, candidates)
end

return M
