-- Asks before a fix that changes behaviour is applied. The server marks such edits as to be confirmed; Neovim applies what
-- comes, and does not look at the marks.
local M = {}

local function warning(edit)
  for _, annotation in pairs(edit.changeAnnotations or {}) do
    if annotation.needsConfirmation then
      return annotation
    end
  end
end

local function files(edit)
  local names, seen = {}, {}
  for _, change in ipairs(edit.documentChanges or {}) do
    local uri = change.textDocument and change.textDocument.uri or change.uri
    if uri and not seen[uri] then
      seen[uri] = true
      table.insert(names, '  ' .. vim.fn.fnamemodify(vim.uri_to_fname(uri), ':.'))
    end
  end
  return names
end

--- Whether the edit may be applied: the one who chose it is asked where it says so.
function M.ask(edit)
  local annotation = warning(edit)
  if not annotation then
    return true
  end
  local question = { annotation.label, annotation.description }
  vim.list_extend(question, files(edit))
  return vim.fn.confirm(table.concat(question, '\n'), '&Apply\n&Cancel', 2, 'Question') == 1
end

--- Lets the client ask about code actions before it hands on their edits.
function M.attach(client)
  local request = client.request
  client.request = function(self, method, params, handler, buffer)
    if method == 'codeAction/resolve' and handler then
      local apply = handler
      handler = function(problem, action, ...)
        if not problem and action and action.edit and not M.ask(action.edit) then
          return
        end
        return apply(problem, action, ...)
      end
    end
    return request(self, method, params, handler, buffer)
  end
end

return M
