// The tab before anything was logged: how to log.

const SCRIPT = `from tb_confmat_plugin import ConfusionMatrix, SummaryWriter

writer = SummaryWriter("runs/first")
for epoch in range(epochs):
    ...  # train, then predict the validation set
    matrix = ConfusionMatrix.from_predictions(preds, target, class_names=class_names)
    writer.add_confusion_matrix("val", matrix, epoch)
writer.close()`;

export function Empty() {
  return (
    <main class="empty">
      <h1>No confusion matrix has been logged yet</h1>
      <p>Add these lines to your training script. Rows will be the true classes, columns the predicted ones.</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>
        <code>{SCRIPT}</code>
      </pre>
      <p>
        <code>preds</code> and <code>target</code> are labels, or <code>preds</code> logits with the class on dimension 1. With a{' '}
        <code>SummaryWriter</code> of torch, call{' '}
        <code>tb_confmat_plugin.add_confusion_matrix(writer, "val", matrix, epoch)</code> instead. New steps appear when
        TensorBoard reloads.
      </p>
    </main>
  );
}
