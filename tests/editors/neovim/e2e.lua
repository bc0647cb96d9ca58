-- What a user does, in the real Neovim: findings appear, `gra` cures, `K` explains, typing and undo keep everything in step.
local passed, failed = 0, 0
local function check(name, ok, detail)
  if ok then
    passed = passed + 1
  else
    failed = failed + 1
  end
  io.stdout:write(('%s %s%s\n'):format(ok and 'ok  ' or 'FAIL', name, detail and (' -- ' .. tostring(detail)) or ''))
  return ok
end
local function wait(name, condition)
  return check(name, vim.wait(20000, condition, 20))
end

vim.opt.runtimepath:append(vim.env.AUDITLINE_RUNTIME)
local exited
vim.lsp.config('auditline', {
  on_exit = function(code)
    exited = code
  end,
})
vim.cmd('runtime plugin/auditline.lua')
vim.cmd('filetype on')

local function codes(buffer)
  local found = vim.tbl_map(function(diagnostic)
    return diagnostic.code
  end, vim.diagnostic.get(buffer))
  table.sort(found)
  return table.concat(found, ',')
end
local function lines(buffer)
  return vim.api.nvim_buf_get_lines(buffer, 0, -1, false)
end
local function has(buffer, text)
  return table.concat(lines(buffer), '\n'):find(text, 1, true) ~= nil
end
local function act(title)
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action)
      return action.title:find(title, 1, true) ~= nil
    end,
  })
end
local function open(file)
  vim.cmd.edit(file)
  return vim.api.nvim_get_current_buf()
end

-- A row lock, with an emoji before the column.
local routes = open('app/routes.py')
wait('the server attaches', function()
  local client = vim.lsp.get_clients({ bufnr = routes, name = 'auditline' })[1]
  return client ~= nil and client.initialized
end)
local client = vim.lsp.get_clients({ bufnr = routes, name = 'auditline' })[1]
if not client then
  io.stdout:write(('%d passed, %d failed\n'):format(passed, failed))
  os.exit(1)
end
check('UTF-8 positions are agreed', client.offset_encoding == 'utf-8', client.offset_encoding)
wait('AUD201 appears', function()
  return codes(routes) == 'AUD201'
end)
local finding = vim.diagnostic.get(routes)[1]
check('on its line', finding.lnum == 11, finding.lnum)
check('as a warning with a source', finding.severity == vim.diagnostic.severity.WARN and finding.source == 'auditline')

vim.api.nvim_win_set_cursor(0, { 12, 6 })
vim.lsp.buf.hover()
local function float()
  return vim.tbl_filter(function(window)
    return vim.api.nvim_win_get_config(window).relative ~= ''
  end, vim.api.nvim_list_wins())[1]
end
wait('K opens a float', function()
  return float() ~= nil
end)
if float() then
  local text = table.concat(lines(vim.api.nvim_win_get_buf(float())), '\n')
  check('the hover names the hazard', text:find('unlocked%-read%-modify%-write') ~= nil)
  check('the hover tells the story with the column', text:find('Item.stock', 1, true) ~= nil)
  vim.api.nvim_win_close(float(), true)
end

act('Lock the load')
wait('gra locks the row behind the emoji', function()
  return has(routes, 'label = "🛒 taken"; item = db.query(Item).filter(Item.id == key).with_for_update().first()')
end)
wait('and the finding goes', function()
  return codes(routes) == ''
end)
vim.cmd('silent undo')
wait('undo brings it back', function()
  return codes(routes) == 'AUD201'
end)

-- A half-typed function above.
vim.api.nvim_buf_set_lines(routes, 6, 6, false, { 'def broken(db', '    item = db.get(', '' })
wait('the finding stands below a half-typed function', function()
  local now = vim.diagnostic.get(routes)
  return #now == 1 and now[1].code == 'AUD201' and now[1].lnum == 14
end)
vim.cmd('silent undo')
wait('and moves back', function()
  local now = vim.diagnostic.get(routes)
  return #now == 1 and now[1].lnum == 11
end)

-- Typing changes what is found.
vim.api.nvim_buf_set_lines(routes, 11, 12, false, { '    item.note = "😀 seen"' })
wait('a plain overwrite is no finding', function()
  return codes(routes) == ''
end)
vim.cmd('silent undo')
wait('undo brings the finding back again', function()
  return codes(routes) == 'AUD201'
end)

-- The suppression comment.
vim.api.nvim_win_set_cursor(0, { 12, 6 })
act('Suppress AUD201')
wait('a comment suppresses it', function()
  return has(routes, 'item.stock -= quantity  # auditline: ignore[AUD201]') and codes(routes) == ''
end)
vim.cmd('silent undo')

-- A commit is wrapped: comments, a triple-quoted string, then with CRLF and with tabs.
local function wraps(file, indent)
  local buffer = open(file)
  wait(file .. ': AUD101 appears', function()
    return codes(buffer) == 'AUD101'
  end)
  local at = vim.diagnostic.get(buffer)[1]
  vim.api.nvim_win_set_cursor(0, { at.lnum + 1, at.col })
  act('Wrap in try')
  local expected = {
    'def restock(quantity: int) -> None:',
    indent .. 'db = SessionLocal()',
    indent .. '# What the customer sees.',
    indent .. 'item = Item(stock=quantity)',
    indent .. 'try:',
    indent .. indent .. 'item.note = """',
    lines(buffer)[9],
    '"""',
    indent .. indent .. '# One row, however many there are.',
    '',
    indent .. indent .. 'db.add(',
    indent .. indent .. indent .. 'item,  # new',
    indent .. indent .. ')',
    indent .. indent .. 'db.commit()',
    indent .. 'except Exception:',
    indent .. indent .. 'db.rollback()',
    indent .. indent .. 'raise',
  }
  wait(file .. ': gra wraps the commit', function()
    return vim.deep_equal(vim.list_slice(lines(buffer), 4), expected)
  end)
  if not vim.deep_equal(vim.list_slice(lines(buffer), 4), expected) then
    io.stdout:write(table.concat(lines(buffer), '\n'), '\n')
  end
  wait(file .. ': the finding goes', function()
    return codes(buffer) == ''
  end)
  return buffer
end
wraps('app/jobs.py', '    ')
local crlf = wraps('app/jobs_crlf.py', '    ')
check('the file keeps its line ends', vim.bo[crlf].fileformat == 'dos')
wraps('app/jobs_tabs.py', '\t')
vim.cmd('silent write')
check('the file on disk is what the buffer shows', vim.fn.readfile('app/jobs_tabs.py')[8] == '\ttry:')

-- A fix over several files that changes behaviour: one is asked, and nothing is done against one's will.
local usage = open('app/usage.py')
wait('a hidden commit is found', function()
  return codes(usage) == 'AUD103'
end)
local hidden = vim.diagnostic.get(usage)[1]
check('on its line', hidden.lnum == 8, hidden.lnum)
local question, answer
local confirm = vim.fn.confirm
vim.fn.confirm = function(text)
  question = text
  return answer
end
local function buffer_of(name)
  return vim.fn.bufadd(vim.fn.fnamemodify(name, ':p'))
end
local function ask(with)
  question, answer = nil, with
  vim.api.nvim_win_set_buf(0, usage)
  vim.api.nvim_win_set_cursor(0, { hidden.lnum + 1, hidden.col })
  act('commit in the callers')
  wait('gra asks', function()
    return question ~= nil
  end)
end
local unchanged = lines(usage)
ask(2)
check('it says what changes, and where', question and question:find('app/usage.py', 1, true) and question:find('app/ping.py', 1, true), question)
check('no is no', not vim.wait(200, function()
  return not vim.deep_equal(lines(usage), unchanged)
end) and codes(usage) == 'AUD103')
ask(1)
wait('yes changes the function', function()
  return has(usage, '    # Seen by all from here on.\n    db.flush()  # now')
end)
local ping = buffer_of('app/ping.py')
wait('and its caller in another file', function()
  return vim.api.nvim_buf_is_loaded(ping)
    and has(ping, '    usage.book(db, 1)  # counted, too\n    db.commit()\n    return "pong"')
end)
check('a caller that commits by itself is left alone', vim.fn.bufexists(vim.fn.fnamemodify('app/orders.py', ':p')) == 0)
wait('the finding goes', function()
  return codes(usage) == '' and codes(ping) == ''
end)
vim.cmd('silent wall')
check('both are on the disk', vim.fn.readfile('app/usage.py')[9] == '    db.flush()  # now'
  and vim.fn.readfile('app/ping.py')[8] == '    db.commit()')

-- A fix that makes a file: the file is made, and shown.
local crates = open('app/crates.py')
wait('a column that no revision adds is found', function()
  return codes(crates) == 'AUD405'
end)
local lacking = vim.diagnostic.get(crates)[1]
vim.api.nvim_win_set_cursor(0, { lacking.lnum + 1, lacking.col })
act('in a new revision')
local function revision()
  return vim.api.nvim_buf_get_name(0):find('0002_add_note_to_crates.py', 1, true) ~= nil
end
wait('gra makes the revision and shows it', function()
  return revision() and has(0, '    op.add_column("crates", sa.Column("note", sa.String(), nullable=True))')
end)
check('it goes behind the last one', has(0, 'down_revision = "0001"'))
wait('and the finding goes', function()
  return codes(crates) == ''
end)
vim.cmd('silent write')
check('it is on the disk', vim.fn.filereadable('alembic/versions/0002_add_note_to_crates.py') == 1)
vim.fn.confirm = confirm

-- Subcommands.
check('subcommands are completed', vim.deep_equal(vim.fn.getcompletion('Auditline re', 'cmdline'), { 'report', 'restart' }))
check('and hazards', vim.tbl_contains(vim.fn.getcompletion('Auditline explain AUD20', 'cmdline'), 'AUD201'))
check('and severities', vim.deep_equal(vim.fn.getcompletion('Auditline findings w', 'cmdline'), { 'warning' }))
local function buffer_named(name)
  return vim.iter(vim.api.nvim_list_bufs()):find(function(buffer)
    return vim.api.nvim_buf_is_loaded(buffer) and vim.api.nvim_buf_get_name(buffer):find(name, 1, true) ~= nil
  end)
end
vim.cmd.buffer(routes)
wait('the finding is there', function()
  return codes(routes) == 'AUD201'
end)
vim.api.nvim_win_set_cursor(0, { 12, 6 })
vim.cmd('Auditline explain')
wait(':Auditline explain shows the page of the finding on the line', function()
  local page = buffer_named('auditline://AUD201')
  return page ~= nil and has(page, 'unlocked-read-modify-write')
end)
vim.cmd('close')
vim.cmd('Auditline findings')
wait(':Auditline findings fills the quickfix list', function()
  return vim.iter(vim.fn.getqflist()):any(function(item)
    return item.lnum == 12 and item.type == 'W' and item.text:find('AUD201', 1, true) == 1
  end)
end)
vim.cmd('cclose')
vim.cmd('Auditline findings error')
wait('and keeps what is bad enough', function()
  return #vim.fn.getqflist() == 0
end)
vim.cmd('Auditline report')
wait(':Auditline report shows every finding with its evidence', function()
  local report = buffer_named('auditline://report')
  return report ~= nil and has(report, '## AUD201 unlocked-read-modify-write (1)') and has(report, 'app/routes.py:12')
end)
vim.cmd('close')

-- The story of the race, below its line.
vim.cmd.buffer(routes)
vim.api.nvim_win_set_cursor(0, { 12, 6 })
local function story()
  local space = vim.api.nvim_get_namespaces()['auditline.story']
  local marks = vim.api.nvim_buf_get_extmarks(routes, space, 0, -1, { details = true })
  return marks[1] and marks[1][2] == 11 and marks[1][4].virt_lines or {}
end
vim.cmd('Auditline story on')
wait('the story stands below the line', function()
  return #story() > 3
end)
local told = table.concat(vim.tbl_map(function(line)
  return table.concat(vim.tbl_map(function(chunk)
    return chunk[1]
  end, line))
end, story()), '\n')
check('it names both requests and the column',
  told:find('Request A  reads Item.stock', 1, true) and told:find('Request B  writes', 1, true), told)
vim.api.nvim_win_set_cursor(0, { 1, 0 })
vim.cmd('doautocmd CursorMoved')
wait('it goes with the cursor', function()
  return #story() == 0
end)
vim.cmd('Auditline story off')

-- Codes in comments.
vim.api.nvim_buf_set_lines(routes, 0, 0, false, { 'x = 1  # auditline: ignore[AUD20' })
local items = client:request_sync('textDocument/completion', {
  textDocument = vim.lsp.util.make_text_document_params(routes),
  position = { line = 0, character = 32 },
}, 20000, routes)
check('codes are completed', vim.iter(items and items.result or {}):any(function(item)
  return item.label == 'AUD201'
end))
vim.cmd('silent undo')

-- A restart keeps what is not written.
vim.api.nvim_buf_set_lines(routes, 0, 0, false, { '# a new line' })
local before = client.id
exited = nil
vim.cmd('Auditline restart')
wait(':Auditline restart starts another server', function()
  local now = vim.lsp.get_clients({ bufnr = routes, name = 'auditline' })[1]
  return exited ~= nil and now ~= nil and now.id ~= before and now.initialized
end)
wait('which knows the buffer as it is', function()
  local now = vim.diagnostic.get(routes)
  return #now == 1 and now[1].lnum == 12
end)
check('the old one ended in order', exited == 0, exited)
client = vim.lsp.get_clients({ bufnr = routes, name = 'auditline' })[1]
exited = nil
vim.cmd('silent undo')

-- The help has its tags.
vim.cmd('helptags ' .. vim.env.AUDITLINE_HELP)
vim.opt.runtimepath:append(vim.fs.dirname(vim.env.AUDITLINE_HELP))
for _, tag in ipairs({ 'auditline', ':Auditline', ':Auditline-explain', 'auditline-story' }) do
  check('there is help on ' .. tag, pcall(vim.cmd.help, tag))
end
vim.cmd('helpclose')

-- Health.
vim.cmd('checkhealth auditline')
check('checkhealth finds the server', has(vim.api.nvim_get_current_buf(), 'auditline 0.'))

client:stop()
wait('the server ends', function()
  return exited ~= nil
end)
check('in order', exited == 0, exited)
io.stdout:write(('%d passed, %d failed\n'):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
