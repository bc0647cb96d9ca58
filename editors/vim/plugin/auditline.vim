" The commands of Auditline. ALE finds the linter by itself, in ale_linters/.
if exists('g:loaded_auditline')
  finish
endif
let g:loaded_auditline = 1

command! -nargs=? -complete=customlist,auditline#hazards AuditlineExplain call auditline#explain(<q-args>)
command! -nargs=0 AuditlineReport call auditline#report()
