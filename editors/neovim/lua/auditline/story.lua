-- The story of a race below the line of its finding, as virtual lines: who does what, one step after the other.
local M = {}

local namespace = vim.api.nvim_create_namespace('auditline.story')
local group = vim.api.nvim_create_augroup('auditline.story', { clear = true })
local shown = nil

--- The steps in the table or list of a hover's section "What happens".
local function steps(markdown)
  local section = markdown:match('%*%*What happens%*%*\n\n(.-)\n\n%*%*') or markdown:match('%*%*What happens%*%*\n\n(.*)')
  if not section then
    return {}
  end
  local lines, actors = {}, nil
  for line in (section .. '\n'):gmatch('([^\n]*)\n') do
    if line:match('^|') then
      if not line:match('^|[%s%-|]+|$') then
        local cells = vim.tbl_map(vim.trim, vim.split(line:gsub('\\|', '\1'):gsub('^|', ''):gsub('|$', ''), '|'))
        if not actors then
          actors = cells
        else
          for column, cell in ipairs(cells) do
            if cell ~= '' then
              lines[#lines + 1] = { actor = actors[column], column = column, text = (cell:gsub('\1', '|')) }
            end
          end
        end
      end
    elseif line ~= '' and not line:match('^%[More') then
      lines[#lines + 1] = { text = line }
    end
  end
  return lines
end

local COLOURS = { 'DiagnosticVirtualLinesInfo', 'DiagnosticVirtualLinesHint', 'DiagnosticVirtualLinesWarn' }

function M.lines(markdown, indent)
  local virtual = {}
  for _, step in ipairs(steps(markdown)) do
    local text = step.text:gsub('[`*]', '')
    local chunks = { { indent .. '│ ', 'Comment' } }
    if step.actor then
      chunks[#chunks + 1] = { step.actor .. '  ', 'Comment' }
      chunks[#chunks + 1] = { text, COLOURS[(step.column - 1) % #COLOURS + 1] }
    else
      chunks[#chunks + 1] = { text, 'DiagnosticVirtualLinesError' }
    end
    virtual[#virtual + 1] = chunks
  end
  return virtual
end

function M.clear()
  if shown and vim.api.nvim_buf_is_valid(shown.buffer) then
    vim.api.nvim_buf_clear_namespace(shown.buffer, namespace, 0, -1)
  end
  shown = nil
end

--- Shows the story of the finding on the line of the cursor, if it has one.
function M.show()
  local buffer = vim.api.nvim_get_current_buf()
  local line = vim.api.nvim_win_get_cursor(0)[1] - 1
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  if shown and shown.buffer == buffer and shown.line == line and shown.tick == tick then
    return
  end
  M.clear()
  local client = vim.lsp.get_clients({ name = 'auditline', bufnr = buffer })[1]
  local finding = vim.iter(vim.diagnostic.get(buffer, { lnum = line })):find(function(diagnostic)
    return diagnostic.source == 'auditline'
  end)
  if not client or not finding then
    return
  end
  shown = { buffer = buffer, line = line, tick = tick }
  local text = vim.api.nvim_buf_get_lines(buffer, line, line + 1, false)[1] or ''
  local params = {
    textDocument = vim.lsp.util.make_text_document_params(buffer),
    position = {
      line = line,
      character = vim.str_utfindex(text, client.offset_encoding, math.min(finding.col, #text), false),
    },
  }
  client:request('textDocument/hover', params, function(_, result)
    -- The cursor or the text may have moved while the server was thinking.
    local current = shown and shown.buffer == buffer and shown.line == line and shown.tick == tick
    local stands = vim.api.nvim_buf_is_valid(buffer) and vim.api.nvim_buf_get_changedtick(buffer) == tick
    if not (current and stands and result and type(result.contents) == 'table' and result.contents.value) then
      return
    end
    local virtual = M.lines(result.contents.value, text:match('^%s*'))
    if #virtual > 0 then
      vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
      vim.api.nvim_buf_set_extmark(buffer, namespace, line, 0, { virt_lines = virtual })
    end
  end, buffer)
end

--- `on`, `off`; without a word the other of the two.
function M.set(word)
  local on = word == 'on' or (word == nil and not M.enabled)
  if word and word ~= 'on' and word ~= 'off' then
    return vim.notify(('auditline: `%s` is neither `on` nor `off`'):format(word), vim.log.levels.ERROR)
  end
  M.enabled = on
  vim.api.nvim_clear_autocmds({ group = group })
  M.clear()
  if not on then
    return
  end
  vim.api.nvim_create_autocmd({ 'CursorHold', 'CursorMoved', 'DiagnosticChanged' }, {
    group = group,
    desc = 'show the story of the finding on the line',
    callback = function()
      vim.schedule(M.show)
    end,
  })
  vim.api.nvim_create_autocmd({ 'TextChanged', 'TextChangedI', 'BufLeave' }, { group = group, callback = M.clear })
  M.show()
end

return M
