;;; auditline.el --- Audit findings inline, for Python backends  -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1") (eglot "1.9"))
;; Keywords: languages, tools
;; URL: https://github.com/auditline/auditline
;; SPDX-License-Identifier: MIT OR Apache-2.0

;;; Commentary:

;; Auditline finds the hazards a careful auditor finds in FastAPI and SQLAlchemy backends.  This file registers its
;; language server with Eglot:
;;
;;   (require 'auditline)
;;   (add-hook 'python-mode-hook #'eglot-ensure)
;;
;; Findings come through Flymake, fixes through `eglot-code-actions', explanations through ElDoc.  Eglot runs one
;; server in a buffer: who uses another one for Python leaves `auditline-modes' at nil and has `auditline-check'.

;;; Code:

(require 'compile)
(require 'subr-x)

(defvar eglot-server-programs)
(declare-function flymake-diagnostics "flymake")
(declare-function flymake-diagnostic-text "flymake")
(declare-function project-root "project")

(defgroup auditline nil
  "Audit findings inline, for Python backends."
  :group 'tools
  :prefix "auditline-")

(defcustom auditline-program "auditline"
  "The program of Auditline: a name on `exec-path', or a path."
  :type 'string)

(defcustom auditline-modes '(python-mode python-ts-mode dockerfile-mode dockerfile-ts-mode sql-mode)
  "The major modes in which Eglot runs Auditline's server; nil for none.
Set it before the file is loaded, or call `auditline-register' afterwards."
  :type '(repeat symbol))

(defcustom auditline-settings nil
  "What the server is told when it starts, besides the project's own configuration.
A property list, such as (:ignore [\"AUD2\"] :hints t)."
  :type '(plist))

(defun auditline--contact (&rest _)
  "What Eglot is to start."
  `(,auditline-program "server" :initializationOptions ,(or auditline-settings (make-hash-table))))

;;;###autoload
(defun auditline-register ()
  "Have Eglot run Auditline's server in `auditline-modes'."
  (when auditline-modes
    (add-to-list 'eglot-server-programs (cons auditline-modes #'auditline--contact))))

(with-eval-after-load 'eglot
  (auditline-register))

(defun auditline--root ()
  "The directory of the project around the current buffer."
  (let ((project (and (fboundp 'project-current) (project-current))))
    (expand-file-name
     (or (locate-dominating-file default-directory "auditline.toml")
         (and project (project-root project))
         default-directory))))

(defun auditline--hazards ()
  "The codes and names of all hazards."
  (let (words)
    (dolist (line (process-lines auditline-program "hazards"))
      (let ((fields (split-string line)))
        (when (cadr fields)
          (push (car fields) words)
          (push (cadr fields) words))))
    (nreverse words)))

(defun auditline-hazard-at-point ()
  "The code of the finding at point, if there is one."
  (when (bound-and-true-p flymake-mode)
    (let (code)
      (dolist (finding (flymake-diagnostics (line-beginning-position) (line-end-position)))
        (when (and (not code) (string-match "\\bAUD[0-9]+\\b" (flymake-diagnostic-text finding)))
          (setq code (match-string 0 (flymake-diagnostic-text finding)))))
      code)))

;;;###autoload
(defun auditline-explain (hazard)
  "Show the page of HAZARD, a code or a name.
Interactively, the default is the finding at point."
  (interactive
   (let ((here (auditline-hazard-at-point)))
     (list (completing-read (if here (format "Hazard (default %s): " here) "Hazard: ")
                            (auditline--hazards) nil nil nil nil here))))
  (let ((program auditline-program) (buffer (get-buffer-create "*auditline explain*")))
    (with-current-buffer buffer
      (let ((inhibit-read-only t))
        (erase-buffer)
        (unless (zerop (call-process program nil t nil "explain" hazard))
          (user-error "%s" (string-trim (buffer-string))))
        (goto-char (point-min)))
      (if (fboundp 'markdown-view-mode) (funcall 'markdown-view-mode) (special-mode)))
    (display-buffer buffer)))

;;;###autoload
(defun auditline-check ()
  "List the findings of the whole project in a compilation buffer.
`next-error' goes from one to the next.  Files are read from disk."
  (interactive)
  (let ((default-directory (auditline--root)))
    (compilation-start
     (format "%s check --output-format concise ." (shell-quote-argument auditline-program))
     'auditline-check-mode)))

(defvar auditline-check-error-regexp-alist
  '(("^\\([^\n:]+\\):\\([0-9]+\\):\\([0-9]+\\): error " 1 2 3 2)
    ("^\\([^\n:]+\\):\\([0-9]+\\):\\([0-9]+\\): warning " 1 2 3 1)
    ("^\\([^\n:]+\\):\\([0-9]+\\):\\([0-9]+\\): \\(?:information\\|hint\\) " 1 2 3 0))
  "How the lines of `auditline check --output-format concise' are read.")

(define-compilation-mode auditline-check-mode "Auditline"
  "The findings of a project."
  (setq-local compilation-error-regexp-alist auditline-check-error-regexp-alist)
  (setq-local compilation-disable-input t))

(provide 'auditline)
;;; auditline.el ends here
