"""The sigmoid behind a ceiling, and whether data show one."""
