"""Storyboard to composition: where everything stands on the canvas, with every text measured."""
