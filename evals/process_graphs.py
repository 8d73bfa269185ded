"""Process graphs against gold ones: activities and their order, as annotated in PET (Bellan et al., 2022).

`python -m evals.process_graphs FILE.jsonl [--predictions OUT.json] [--words-only] [--rules]`
"""

import json
from dataclasses import replace

from evals.diagram_graphs import draw, milliseconds, parse_arguments, score
from evals.graphs import read_passages, write_predictions
from s2v.analysis.encoder import Encoder


def main() -> None:
    """Draws each passage of a file as a flowchart and prints the figures."""
    arguments = parse_arguments("Process graphs.")
    passages = [replace(passage, label="flowchart") for passage in read_passages(arguments.file)]
    run = draw(passages, arguments.rules)
    if arguments.predictions is not None:
        write_predictions(arguments.predictions, run.graphs)
    figures = score(passages, run.graphs, None if arguments.words_only else Encoder().encode)
    print(json.dumps(figures | {"cpu_ms_per_passage": milliseconds(run, passages)}, indent=1))


if __name__ == "__main__":
    main()
