" Registers the Auditline language server with ALE, the same way for every type of file.

" The server's settings: g:auditline_settings or b:auditline_settings, a dictionary such as
" {'ignore': ['AUD2'], 'hints': v:true}.
function! auditline#settings(buffer) abort
  return getbufvar(a:buffer, 'auditline_settings', get(g:, 'auditline_settings', {}))
endfunction

function! auditline#executable(buffer) abort
  return getbufvar(a:buffer, 'auditline_executable', get(g:, 'auditline_executable', 'auditline'))
endfunction

" The project: the directory of the nearest configuration of Auditline, else of the nearest project file.
function! auditline#root(buffer) abort
  for l:name in ['auditline.toml', '.auditline.toml', 'pyproject.toml', 'alembic.ini', 'setup.py', 'setup.cfg']
    let l:found = ale#path#FindNearestFile(a:buffer, l:name)
    if !empty(l:found)
      return fnamemodify(l:found, ':p:h')
    endif
  endfor
  let l:git = ale#path#FindNearestDirectory(a:buffer, '.git')
  return empty(l:git) ? expand('#' . a:buffer . ':p:h') : fnamemodify(l:git, ':p:h:h')
endfunction

function! auditline#define(filetype) abort
  call ale#linter#Define(a:filetype, {
  \   'name': 'auditline',
  \   'lsp': 'stdio',
  \   'executable': function('auditline#executable'),
  \   'command': '%e server',
  \   'project_root': function('auditline#root'),
  \   'initialization_options': function('auditline#settings'),
  \   'lsp_config': {buffer -> {'auditline': auditline#settings(buffer)}},
  \})
endfunction

" :AuditlineExplain [HAZARD]: the page of a hazard, without an argument that of the finding on the line.
function! auditline#explain(hazard) abort
  let l:hazard = a:hazard
  if empty(l:hazard)
    let l:here = filter(copy(getloclist(0)), 'v:val.bufnr == bufnr("") && v:val.lnum == line(".")')
    let l:codes = map(copy(l:here), 'matchstr(v:val.text, ''AUD\d\+'')')
    let l:info = get(get(get(g:, 'ale_buffer_info', {}), bufnr(''), {}), 'loclist', [])
    let l:codes += map(filter(copy(l:info), 'v:val.lnum == line(".")'), 'get(v:val, "code", "")')
    let l:hazard = get(filter(l:codes, 'v:val =~# ''^AUD\d\+$'''), 0, '')
  endif
  if empty(l:hazard)
    echo 'auditline: there is no finding on this line'
    return
  endif
  let l:page = systemlist(shellescape(auditline#executable(bufnr(''))) . ' explain ' . shellescape(l:hazard))
  if v:shell_error
    echohl ErrorMsg | echo join(l:page, ' ') | echohl None
    return
  endif
  new
  setlocal buftype=nofile bufhidden=wipe noswapfile nobuflisted filetype=markdown
  call setline(1, l:page)
  setlocal nomodifiable
  nnoremap <buffer> <silent> q :close<CR>
endfunction

function! auditline#hazards(lead, line, position) abort
  let l:lines = systemlist(shellescape(auditline#executable(bufnr(''))) . ' hazards')
  let l:words = []
  for l:line in l:lines
    let l:words += split(l:line)[0:1]
  endfor
  return filter(l:words, 'stridx(v:val, a:lead) == 0')
endfunction

" :AuditlineReport: the findings of the whole project in the quickfix list, from the files on disk.
function! auditline#report() abort
  let l:root = auditline#root(bufnr(''))
  let l:command = shellescape(auditline#executable(bufnr(''))) . ' check --output-format concise ' . shellescape(l:root)
  let l:lines = systemlist(l:command)
  if v:shell_error > 1
    echohl ErrorMsg | echo join(l:lines, ' ') | echohl None
    return
  endif
  let l:items = []
  for l:line in l:lines
    let l:parts = matchlist(l:line, '\v^(.{-1,}):(\d+):(\d+): (\w+) (AUD\d+) (.*)$')
    if !empty(l:parts)
      let l:type = get({'error': 'E', 'warning': 'W', 'information': 'I', 'hint': 'N'}, l:parts[4], 'W')
      call add(l:items, {'filename': fnamemodify(l:parts[1], ':p'), 'lnum': str2nr(l:parts[2]),
      \   'col': str2nr(l:parts[3]), 'vcol': 0, 'type': l:type, 'text': l:parts[5] . ' ' . l:parts[6]})
    endif
  endfor
  call setqflist([], ' ', {'title': 'auditline', 'items': l:items})
  if empty(l:items)
    echo 'auditline: no findings'
  else
    copen
  endif
endfunction
