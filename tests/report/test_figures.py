import matplotlib.pyplot as plt
import nbformat
import pandas as pd
from nbclient import NotebookClient

from flanrepro.experiments.profiles import Job
from flanrepro.report.figures import new_figure, save_figure

DRAW = "from flanrepro.report.figures import new_figure\nfigure = new_figure(1)"


def test_every_figure_of_a_notebook_is_shown():
    cells = [nbformat.v4.new_code_cell(DRAW) for _ in range(2)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    arguments = ["--IPKernelApp.log_level=40"]  # the kernel's note that it talks over local TCP
    NotebookClient(notebook, kernel_name="python3", extra_arguments=arguments).execute()
    for cell in notebook.cells:
        assert [list(output["data"]) for output in cell.outputs] == [["text/plain", "image/png"]]


def test_a_figures_files_do_not_hang_on_the_last_digits_of_its_layout(tmp_path):
    table = pd.DataFrame({"value": [1.0]})
    written = []
    for shift in (0.0, 1e-9):
        figure, (left, right) = new_figure(2)
        left.set_ylabel("score")
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for ax in (left, right):
            x, y, width, height = ax.get_position().bounds
            ax.set_position([x + shift, y, width - shift, height])
        written.append(save_figure(figure, table, Job(out=str(tmp_path / str(shift))), "name"))
        plt.close(figure)
    for one, other in zip(*written, strict=True):
        assert one.read_bytes() == other.read_bytes()
