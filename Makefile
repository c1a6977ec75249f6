# One-line wrappers around esbench/bootstrap.py, which does the same on every system.
# On Windows, without make: py esbench\bootstrap.py lab
PYTHON ?= python3
RUN = $(PYTHON) esbench/bootstrap.py

.PHONY: help lab test demo data site bench wheelhouse torture lock

help:  ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

lab:  ## set up, then open the lessons in JupyterLab
	@$(RUN) lab

test:  ## set up, then run everything that CI runs
	@$(RUN) test

demo:  ## set up, then tell the story in the terminal
	@$(RUN) demo

data:  ## set up, then make the samples in data/ anew
	@$(RUN) data

site:  ## set up, then make every lesson a page that needs no server
	@$(RUN) site

bench:  ## set up, then measure beside the peers, about 15 minutes long
	@$(RUN) bench

wheelhouse:  ## set up, then make a folder for a USB stick, to set up offline
	@$(RUN) wheelhouse

torture:  ## set up, then run the tests that take long
	@$(RUN) torture

lock:  ## set up, then write the three locks from pyproject.toml
	@$(RUN) lock
