"""Sphinx configuration."""

from emergence import __version__

project = "emergence"
copyright = "2026, the emergence developers"
release = version = __version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # equations are drawn without a network
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
]
html_title = html_short_title = "emergence"
html_theme = "pydata_sphinx_theme"
autodoc_type_aliases = {n: n for n in ("ArrayLike", "FloatArray", "Seed", "Plateau")}
autodoc_typehints = "none"
html_sidebars = {"**": []}  # every page stands in the header
html_static_path = ["_static"]
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_show_sourcelink = False
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 120)]
