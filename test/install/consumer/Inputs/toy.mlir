partita_plan.stage @stage0 on <["x"=4], devices = [0 to 3]>
func.func @main(%x: tensor<4x16xf32>) -> tensor<4xf32> {
  %y = "toy.squares"(%x) {partita_plan.loops = #partita_plan.loops<[[], ["x"]]>} : (tensor<4x16xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
