" What the tests start Vim with: ALE, and this repository's linter.
set nocompatible noswapfile shortmess+=I hidden number laststatus=0
set runtimepath^=/usr/share/vim-ale runtimepath+=/usr/share/vim-ale/after
execute 'set runtimepath^=' . fnameescape($AUDITLINE_RUNTIME)
let g:ale_virtualtext_cursor = 'all'
let g:ale_lint_on_text_changed = 'normal'
let g:ale_lint_delay = 50
" Every other linter of ALE is somebody else's business.
let g:ale_linters = {'python': ['auditline'], 'dockerfile': ['auditline']}
filetype plugin on
syntax on
