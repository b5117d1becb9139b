import nbformat
from nbclient import NotebookClient

DRAW = "from flanrepro.report.figures import new_figure\nfigure = new_figure(1)"


def test_every_figure_of_a_notebook_is_shown():
    cells = [nbformat.v4.new_code_cell(DRAW) for _ in range(2)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    arguments = ["--IPKernelApp.log_level=40"]  # the kernel's note that it talks over local TCP
    NotebookClient(notebook, kernel_name="python3", extra_arguments=arguments).execute()
    for cell in notebook.cells:
        assert [list(output["data"]) for output in cell.outputs] == [["text/plain", "image/png"]]
