"""Answers held side by side by a judge, or held against a reference: questions, parsing, estimates."""
