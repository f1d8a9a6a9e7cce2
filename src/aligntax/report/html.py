"""One HTML file."""
def save_html(contents, path): path.write_text("")
